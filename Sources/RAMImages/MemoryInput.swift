/// One guest's memory, as `scan` and `fingerprint` take it.
public struct MemoryInput: Sendable {
  /// What is known of its pages.
  public enum Contents: Sendable {
    /// Identities of one trace, with its page size.
    case identities(trace: String, pageSize: Int, [UInt32])
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
}
