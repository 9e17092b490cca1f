public import Files

/// Why recorded memory cannot be read, or its summary cannot be written.
public struct ImageError: Error, Equatable, Sendable {
  /// What sort of failure it is: callers choose an exit code by it.
  public enum Kind: String, Sendable {
    /// There is no such file.
    case missing
    /// A folder, a pipe, or a file that the operating system does not let us read.
    case unreadable
    /// The file holds nothing.
    case empty
    /// The file ends before what its header promises.
    case truncated
    /// The file contradicts its format.
    case malformed
    /// A known format, or a variant of one, that memlab does not read.
    case unsupported
    /// More pages than can be counted.
    case tooLarge
    /// The file holds no guest of that name.
    case noSuchGuest
    /// These inputs cannot be compared with each other, or not in this way.
    case incompatible
    /// The file changed or the disk failed while it was read.
    case changed
    /// The output cannot be written.
    case cannotWrite
  }

  /// The file, as the user named it.
  public let path: String
  /// What sort of failure it is.
  public let kind: Kind
  /// Where in the file (inside its decompressed bytes, for a compressed one) the failure is; nil where no byte is to blame.
  public let offset: UInt64?
  /// What is wrong, in words for the file's owner.
  public let problem: String

  /// A failure at a byte of a file.
  public init(_ path: String, _ kind: Kind, at offset: UInt64? = nil, _ problem: String) {
    self.path = path
    self.kind = kind
    self.offset = offset
    self.problem = problem
  }

  /// A file that is no longer what it was when it was opened.
  static func changed(_ path: String, at offset: UInt64? = nil) -> ImageError {
    ImageError(path, .changed, at: offset, "the file became shorter or could not be read while it was scanned")
  }

  /// A process some of whose pages vanished while they were hashed, so that nobody knows any more which of them are left.
  static func placesLost(_ name: String) -> ImageError {
    ImageError(
      name, .changed, "pages of it vanished while they were hashed; stop the process first (kill -STOP), or compare it with images only")
  }

  /// The failure to map a file.
  public init(_ path: String, _ error: MappedFileError) {
    self.init(path, error == .missing ? .missing : .unreadable, error.description)
  }
}

extension ImageError: CustomStringConvertible {
  /// "path: byte 16: problem", on one line whatever the file is called.
  public var description: String {
    let text = path + ": " + (offset.map { "byte \($0): " } ?? "") + problem
    return String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }
}
