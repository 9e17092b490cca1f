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

  /// EEXIST: the name belongs to something that is no regular file.
  public static let notRegular = SystemError(EEXIST)

  /// In words.
  public var description: String {
    // SAFETY: strerror returns a valid C string for every number.
    unsafe String(cString: strerror(code))
  }
}
