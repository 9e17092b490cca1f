public import Addressing
public import Columns

/// # Traces: access streams, recorded and generated
///
/// What a translator is to be measured with is a stream of accesses: one that somebody recorded (valgrind's lackey, ChampSim, DynamoRIO's
/// drmemtrace, Pin's pinatrace, a CSV file, the laboratory's own binary format) or one that a generator makes by rule and seed. All of them
/// become the same thing here: words of eight bytes (`AccessRecord`), an access or an event between two accesses, delivered in batches.
///
/// The invariant: *every record that is delivered is one that a processor could have made.* Its address is canonical (for 57 bits), an
/// access that crossed a 4 KiB page is two records, an event has a number and an argument that fit. Whatever input contradicts that is an
/// error which names file and place, and the records before that place have been delivered first. Memory does not grow with a stream's
/// length: files and pipes are read block by block and decompressed on the way, generators hold at most a word or two a page.
///
/// Why it holds: decoders see only a window of bytes that states its bounds (`Files/StreamedFile.swift`), and each access passes one gate
/// (`RecordedAccess.swift`) that checks address and size and splits it.
///
/// When it may not: a recording tells what its tool saw. Lackey and pinatrace see no kernel, ChampSim no sizes, pinatrace no fetches;
/// nothing of that is made up here. A stream that does not begin with a `run` event runs in process 0.

/// Where a stream delivers its records: a column that is used again for each batch.
public typealias AccessBatch = Column<AccessRecord>

extension AccessBatch {
  /// Records in a batch of the usual size: 64 KiB, which stay in a core's second-level cache.
  public static let usualCount = 8192
  /// The fewest records that a batch must have room for: the most that one record of any format becomes.
  public static let leastCount = 16
}

/// A stream of accesses, consumed a batch at a time.
public protocol AccessStream: AnyObject {
  /// What it is called in results: the path as the user gave it, or `gen:` and the generator's name with all its parameters.
  var name: String { get }
  /// How many records the whole stream has, if that is known before it is read: events too, and a limit considered.
  var length: UInt64? { get }
  /// What has been read so far.
  var counters: StreamCounters { get }
  /// What is worth telling about the recording, each in a sentence: its format's version, for one. Complete after the first batch.
  var notes: [String] { get }

  /// Puts the next records into a batch of at least `AccessBatch.leastCount`, from its beginning on.
  /// - Returns: how many; 0 at the stream's end and from then on.
  /// - Throws: what is wrong with the input, after every record before that place has been delivered; the same again if called again.
  func fill(_ batch: borrowing AccessBatch) throws(TraceError) -> Int
}

/// What a stream has read so far.
public struct StreamCounters: Hashable, Sendable {
  /// Records delivered: accesses and events.
  public var records: UInt64 = 0
  /// Accesses among them; one that crossed a page counts twice.
  public var accesses: UInt64 = 0
  /// Events among them.
  public var events: UInt64 { records - accesses }
  /// Records or lines of the input that stand for no access or event: messages, markers, prefetches.
  public var skipped: UInt64 = 0
  /// Accesses that crossed a 4 KiB page and became two.
  public var pageCrossings: UInt64 = 0

  /// Nothing yet.
  public init() {}
}
