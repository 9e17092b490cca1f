internal import Glibc

/// Why a file cannot be mapped.
public enum MappedFileError: Error, Equatable, Sendable {
  /// There is no such file.
  case missing
  /// It is a folder.
  case folder
  /// It is a pipe, a socket or a device.
  case notRegular
  /// The operating system refuses: its error number.
  case unreadable(CInt)
}

extension MappedFileError: CustomStringConvertible {
  /// The reason, in words.
  public var description: String {
    switch self {
    case .missing: "there is no such file"
    case .folder: "it is a folder, not a file"
    case .notRegular: "it is a pipe, a socket or a device, not a regular file"
    case .unreadable(let code): SystemError(code).description
    }
  }
}

/// What the operating system answered instead.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Its error number, such as ENOENT.
  public let code: CInt

  /// The error of a number.
  public init(_ code: CInt) { self.code = code }

  /// EISDIR: the name of a file that is to be written belongs to a folder.
  public static let folder = SystemError(EISDIR)
  /// EEXIST: the name of a file that is to be written belongs to something that is no regular file.
  public static let notRegular = SystemError(EEXIST)
  /// EMLINK: the name of a file that is to be written belongs to a symbolic link that leads nowhere.
  public static let deadLink = SystemError(EMLINK)

  /// In words.
  public var description: String {
    switch self {
    case .folder: "it is a folder, not a file"
    case .notRegular: "it exists and is not a regular file"
    case .deadLink: "it is a symbolic link that leads nowhere"
    // SAFETY: strerror returns a valid C string for every number.
    default: unsafe String(cString: strerror(code))
    }
  }
}
