import Addressing
import Foundation
import Traces

/// Traces written by hand, as files of a test's own.
enum TraceFile {
  /// Runs `body` with the path of a file of these bytes, which is gone afterwards.
  static func with<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
    let path = FileManager.default.temporaryDirectory.appending(path: "memlab-\(UUID().uuidString)").path
    try Data(bytes).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }

  /// All records of these bytes.
  static func records(_ bytes: [UInt8], format: TraceFormat? = nil, batch: Int = 64) throws -> [AccessRecord] {
    try with(bytes) { try Recorded.all($0, format: format, batch: batch) }
  }

  static func records(_ text: String, format: TraceFormat? = nil) throws -> [AccessRecord] { try records(Array(text.utf8), format: format) }

  /// The records before what is wrong with these bytes, and what that is.
  static func until(_ bytes: [UInt8], format: TraceFormat? = nil) throws -> (records: [AccessRecord], error: TraceError?) {
    try with(bytes) { path throws in
      do throws(TraceError) {
        return Recorded.until(try AccessStreams.open(path, format: format))
      } catch {
        return ([], error)
      }
    }
  }

  /// Little-endian bytes.
  static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// A record of ChampSim's: 64 bytes.
  static func champsim(_ ip: UInt64, stores: [UInt64] = [], loads: [UInt64] = [], branch: UInt8 = 0) -> [UInt8] {
    func slots(_ addresses: [UInt64], _ count: Int) -> [UInt8] { (0..<count).flatMap { bytes($0 < addresses.count ? addresses[$0] : 0) } }
    return bytes(ip) + [branch, 0] + [1, 2] + [3, 4, 5, 6] + slots(stores, 2) + slots(loads, 4)
  }

  /// A record of ChampSim's cloudsuite variant: 96 bytes.
  static func cloudsuite(_ ip: UInt64, stores: [UInt64] = [], loads: [UInt64] = [], space: UInt16) -> [UInt8] {
    func slots(_ addresses: [UInt64]) -> [UInt8] { (0..<4).flatMap { bytes($0 < addresses.count ? addresses[$0] : 0) } }
    let registers: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    return bytes(ip) + [0, 0] + registers + [UInt8](repeating: 0, count: 6) + slots(stores) + slots(loads) + bytes(space)
      + [UInt8](repeating: 0, count: 6)
  }

  /// A record of drmemtrace's: 12 bytes.
  static func drmemtrace(_ type: UInt16, _ size: UInt16 = 0, _ value: UInt64 = 0) -> [UInt8] { bytes(type) + bytes(size) + bytes(value) }
}

extension AccessRecord {
  static func read(_ address: UInt64) -> AccessRecord { AccessRecord(GuestVirtualAddress(address), .read) }
  static func write(_ address: UInt64) -> AccessRecord { AccessRecord(GuestVirtualAddress(address), .write) }
  static func fetch(_ address: UInt64) -> AccessRecord { AccessRecord(GuestVirtualAddress(address), .fetch) }
  static func run(_ process: UInt64) -> AccessRecord { AccessRecord(.run, process) }
}
