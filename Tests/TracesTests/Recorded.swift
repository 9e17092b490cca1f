import Addressing
import Columns
import Traces

/// Reads streams to their ends.
enum Recorded {
  /// All records of a stream, fetched in batches of `batch`.
  static func all(_ source: String, format: TraceFormat? = nil, limit: UInt64? = nil, batch: Int = 64) throws(TraceError) -> [AccessRecord]
  {
    try all(of: AccessStreams.open(source, format: format, limit: limit), batch: batch)
  }

  /// All records of an open stream.
  static func all(of stream: any AccessStream, batch: Int = 64) throws(TraceError) -> [AccessRecord] {
    let (records, error) = until(stream, batch: batch)
    if let error { throw error }
    return records
  }

  /// The records of a stream up to its end or to what is wrong with it.
  static func until(_ stream: any AccessStream, batch size: Int = 64) -> ([AccessRecord], TraceError?) {
    let batch = AccessBatch(count: size)
    var records: [AccessRecord] = []
    do throws(TraceError) {
      while true {
        let count = try stream.fill(batch)
        guard count > 0 else { return (records, nil) }
        for index in 0..<count { records.append(batch[index]) }
      }
    } catch {
      return (records, error)
    }
  }
}
