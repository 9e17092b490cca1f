internal import Glibc

/// Which regular file a name leads to: equal for all of its names, be they spelt differently, symbolic links or hard links.
///
/// Device and inode number tell a file from every other one for as long as it exists (POSIX, sys/stat.h).
public struct FileIdentity: Equatable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  /// The file of a path, behind symbolic links; nil if no regular file is there.
  public init?(path: String) {
    var status = stat()
    // SAFETY: stat reads a C string and fills a local structure.
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// The file that standard output goes to; nil if it goes to a terminal, a pipe or a device, or is closed.
  public static var standardOutput: FileIdentity? {
    var status = stat()
    // SAFETY: fstat fills a local structure.
    guard unsafe fstat(STDOUT_FILENO, &status) == 0 else { return nil }
    return FileIdentity(status)
  }

  private init?(_ status: stat) {
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}
