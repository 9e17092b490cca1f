/// Memory that another process owns: its pages must be copied to be looked at, and they may change or vanish meanwhile.
public protocol RemoteMemory: AnyObject, Sendable {
  /// What results call it, such as "pid:4711".
  var name: String { get }
  /// Bytes in a page.
  var pageSize: Int { get }
  /// The pages that were present when they were listed: runs by ascending address, none overlapping, none empty.
  var runs: [RemoteRun] { get }
  /// What is mapped where, by ascending address: all of it, whether pages are present or not.
  var mappings: [RemoteMapping] { get }

  /// Copies bytes from an address on.
  /// - Returns: how many; fewer than asked for where the page behind them is no longer there.
  /// - Throws: if the owner itself is gone, or may not be read any longer.
  func read(at address: UInt64, into target: UnsafeMutableRawBufferPointer) throws(RemoteMemoryError) -> Int
}

/// Present pages in a row.
public struct RemoteRun: Hashable, Sendable {
  /// The address of the first page.
  public let address: UInt64
  /// How many pages there are.
  public let pageCount: Int

  /// A row of pages from an address on.
  public init(address: UInt64, pageCount: Int) {
    self.address = address
    self.pageCount = pageCount
  }
}

/// A part of another process's address space.
public struct RemoteMapping: Hashable, Sendable {
  /// The first address, and the one behind the last.
  public let start, end: UInt64
  /// What may be done there.
  public let isReadable, isWritable, isExecutable: Bool
  /// Whether writes reach others who map the same.
  public let isShared: Bool
  /// Where in the file the mapping begins, in bytes.
  public let fileOffset: UInt64
  /// The file's path, or the kernel's name for the area, such as "[heap]"; empty for anonymous memory.
  public let path: String

  /// A mapping.
  public init(
    start: UInt64, end: UInt64, isReadable: Bool, isWritable: Bool, isExecutable: Bool, isShared: Bool, fileOffset: UInt64, path: String
  ) {
    self.start = start
    self.end = end
    self.isReadable = isReadable
    self.isWritable = isWritable
    self.isExecutable = isExecutable
    self.isShared = isShared
    self.fileOffset = fileOffset
    self.path = path
  }
}

/// Why another process's memory cannot be read.
public struct RemoteMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What sort of failure it is.
  public enum Kind: String, Sendable {
    /// There is no such process.
    case missing
    /// It ended while it was read.
    case ended
    /// We may not look.
    case denied
    /// Whatever else the kernel answers.
    case failed
  }

  /// The memory's name, such as "pid:4711".
  public let name: String
  /// What sort of failure it is.
  public let kind: Kind
  /// What is wrong, in words.
  public let problem: String

  /// A failure of the memory of a name.
  public init(_ name: String, _ kind: Kind, _ problem: String) {
    self.name = name
    self.kind = kind
    self.problem = problem
  }

  /// The name and the problem.
  public var description: String { "\(name): \(problem)" }
}
