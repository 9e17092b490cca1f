public import Addressing

/// The order in which a stream of accesses or reads chooses pages.
public enum AccessPattern: String, CaseIterable, Sendable {
  /// One page after the other, from the start again at the end.
  case sequential
  /// Every page equally likely.
  case random
  /// By Zipf's law with exponent 1: few pages take most accesses.
  case zipf
}

/// A group of equal processes in a synthetic guest.
public struct ProcessSpec: Hashable, Sendable {
  /// The program's name; processes of one name and image run the same text.
  public var name: String
  /// How many run at full load.
  public var count: Int
  /// Program text, mapped from the image's files.
  public var text: ByteSize
  /// Anonymous memory of each process.
  public var heap: ByteSize
  /// Of the heap's pages, those that stay zero after being touched, in percent.
  public var heapZeroPercent: Int
  /// Of the heap's pages, those whose content every process of the program holds, in percent.
  public var heapDuplicatePercent: Int
  /// Pages that each process writes a second.
  public var writesPerSecond: Int
  /// Which pages of its heap it uses.
  public var accesses: AccessPattern

  /// All fields.
  public init(
    name: String, count: Int, text: ByteSize, heap: ByteSize, heapZeroPercent: Int, heapDuplicatePercent: Int, writesPerSecond: Int,
    accesses: AccessPattern
  ) {
    self.name = name
    self.count = count
    self.text = text
    self.heap = heap
    self.heapZeroPercent = heapZeroPercent
    self.heapDuplicatePercent = heapDuplicatePercent
    self.writesPerSecond = writesPerSecond
    self.accesses = accesses
  }
}

/// How busy a guest is from a moment on.
public struct LoadPoint: Hashable, Sendable {
  /// When, in nanoseconds of virtual time.
  public var atNanoseconds: UInt64
  /// How busy, in percent of full load: the number of its processes and the rate of what they do.
  public var levelPercent: Int

  /// A moment and a level.
  public init(atNanoseconds: UInt64, levelPercent: Int) {
    self.atNanoseconds = atNanoseconds
    self.levelPercent = levelPercent
  }
}

/// A guest that memlab makes up: an operating system, its page cache and its processes.
public struct SyntheticGuestSpec: Hashable, Sendable {
  /// What it was installed from: guests of one image hold the same kernel, programs and files.
  public var image: String
  /// Memory of the kernel, filled at boot from the image.
  public var kernel: ByteSize
  /// All files that it may read into its page cache.
  public var files: ByteSize
  /// Of the files' pages, those that only this guest holds (its logs, its database), in percent.
  public var filesOwnPercent: Int
  /// Pages of files read a second at full load.
  public var fileReadsPerSecond: Int
  /// Which files it reads.
  public var fileAccesses: AccessPattern
  /// Whether the kernel fills pages with zeros when they are freed (Linux `init_on_free=1`).
  public var initOnFree: Bool
  /// Whether address spaces are randomized: each process's and the kernel's.
  public var aslr = false
  /// Of the pages that processes, or kernels, hold alike, those that hold addresses, in percent: they differ where address spaces are
  /// randomized.
  public var pointerPercent = 20
  /// The processes.
  public var processes: [ProcessSpec]
  /// How busy it is, in order of time; full load before the first point if there is none at 0.
  public var load: [LoadPoint]
  /// When it writes to all its memory at once.
  public var storm = WriteStormSpec()

  /// All fields.
  public init(
    image: String, kernel: ByteSize, files: ByteSize, filesOwnPercent: Int, fileReadsPerSecond: Int, fileAccesses: AccessPattern,
    initOnFree: Bool, processes: [ProcessSpec], load: [LoadPoint]
  ) {
    self.image = image
    self.kernel = kernel
    self.files = files
    self.filesOwnPercent = filesOwnPercent
    self.fileReadsPerSecond = fileReadsPerSecond
    self.fileAccesses = fileAccesses
    self.initOnFree = initOnFree
    self.processes = processes
    self.load = load
  }
}

/// A guest whose memory was recorded from a real one, driven by a synthetic stream of accesses.
public struct RecordedGuestSpec: Hashable, Sendable {
  /// The recording: a page identity trace.
  public var trace: String
  /// Which guest of the recording.
  public var guest: String
  /// Which of its pages the stream uses.
  public var accesses: AccessPattern
  /// Pages read a second at full load.
  public var readsPerSecond: Int
  /// Pages written a second at full load.
  public var writesPerSecond: Int
  /// How busy it is, in order of time.
  public var load: [LoadPoint]
  /// When it writes to all its memory at once.
  public var storm = WriteStormSpec()

  /// All fields.
  public init(trace: String, guest: String, accesses: AccessPattern, readsPerSecond: Int, writesPerSecond: Int, load: [LoadPoint]) {
    self.trace = trace
    self.guest = guest
    self.accesses = accesses
    self.readsPerSecond = readsPerSecond
    self.writesPerSecond = writesPerSecond
    self.load = load
  }
}

/// A guest that runs an access stream.
public struct StreamGuestSpec: Hashable, Sendable {
  /// The stream: a file, or `gen:NAME[:key=value,...]`.
  public var source: String
  /// The recording's format: the raw value of a `TraceFormat`, or `auto`.
  public var format = "auto"
  /// Accesses a second.
  public var accessesPerSecond: Int
  /// After how many accesses it has nothing more to do; 0 for the stream's end.
  public var accesses: UInt64 = 0
  /// How many accesses pass before counting begins.
  public var warmUp: UInt64 = 0
  /// What it was installed from: guests of one image hold the same duplicate pages.
  public var image = ""
  /// How its kernel uses the processor, and what programs make of their pages.
  public var options = StreamGuestOptions()

  /// A stream at a rate.
  public init(source: String, accessesPerSecond: Int) {
    self.source = source
    self.accessesPerSecond = accessesPerSecond
  }
}

/// A moment at which a guest writes to all its memory at once.
public struct WriteStormSpec: Hashable, Sendable {
  /// When, in nanoseconds of virtual time; nil for never.
  public var atNanoseconds: UInt64?
  /// Of the pages that it has then, those that it writes to, in percent.
  public var pagesPercent = 100
  /// What it writes there.
  public var bytes = StormBytes.own

  /// Never.
  public init() {}
}

/// What a write storm leaves behind.
public enum StormBytes: String, CaseIterable, Sendable {
  /// A value that differs by guest and page: what was equal is not any more.
  case own
  /// The value that was there: the pages stay equal, but every sharer has its own copy until the scanner comes by again.
  case same
}

/// What runs in a virtual machine.
public enum GuestSpec: Hashable, Sendable {
  /// A made-up guest.
  case synthetic(SyntheticGuestSpec)
  /// A recorded guest.
  case recorded(RecordedGuestSpec)
  /// A guest that runs an access stream.
  case stream(StreamGuestSpec)

  /// When it writes to all its memory at once.
  public var storm: WriteStormSpec {
    switch self {
    case .synthetic(let spec): spec.storm
    case .recorded(let spec): spec.storm
    case .stream: WriteStormSpec()
    }
  }
}
