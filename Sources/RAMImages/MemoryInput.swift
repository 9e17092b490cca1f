public import PageSharing

/// One guest's memory, as `scan` and `fingerprint` take it.
public struct MemoryInput: Sendable {
  /// What is known of its pages.
  public enum Contents: Sendable {
    /// Their bytes, in a file.
    case image(MemoryImage)
    /// Their bytes, in a live process.
    case process(any RemoteMemory)
    /// Identities of one trace, with its page size.
    case identities(trace: String, pageSize: Int, [UInt32])
    /// 128-bit hashes, of pages of this size.
    case fingerprints(pageSize: Int, [UInt128])
  }

  /// The guest's name, or the file's where the format knows none.
  public let name: String
  /// What is known of its pages.
  public let contents: Contents

  /// An input of a name.
  public init(name: String, contents: Contents) {
    self.name = name
    self.contents = contents
  }

  /// The memory of a live process, as an input.
  public init(process: any RemoteMemory) { self.init(name: process.name, contents: .process(process)) }
}
