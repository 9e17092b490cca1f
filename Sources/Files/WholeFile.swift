internal import Glibc

/// A file that appears whole or not at all: written under another name in the same folder, and renamed when everything is on the disk.
///
/// The invariant: an older file of the same name stays as it is until `commit` has succeeded; without it, nothing is left. A symbolic link stays one:
/// the file that it leads to is replaced. Who may read and write an older file may do so with the new one.
@safe public final class WholeFile {
  /// Where the file goes, behind symbolic links.
  private let path: String
  private let temporary: String
  private let descriptor: CInt
  private var buffer: [UInt8] = []
  private var isCommitted = false
  /// Bytes written so far.
  public private(set) var count: UInt64 = 0

  /// Begins a file.
  /// - Parameter isPrivate: whether a new file is for its owner's eyes only; the file that replaces an older one keeps the rights of that.
  /// - Throws: if the folder or the older file cannot be written; `.folder` or `.notRegular` if the name belongs to something that is no regular file;
  ///   `.deadLink` if it is a symbolic link that leads nowhere.
  public init(_ path: String, isPrivate: Bool = false) throws(SystemError) {
    var mode: mode_t = isPrivate ? 0o600 : 0o644
    var status = stat()
    // SAFETY: stat, lstat, access and open read C strings and fill a local structure.
    let isThere = unsafe stat(path, &status) == 0
    if isThere {
      switch status.st_mode & S_IFMT {
      case S_IFREG: mode = status.st_mode & 0o777
      case S_IFDIR: throw .folder
      default: throw .notRegular
      }
      guard unsafe access(path, W_OK) == 0 else { throw SystemError(errno) }
    } else if errno == ENOENT, unsafe lstat(path, &status) == 0 {
      throw .deadLink
    }
    self.path = Self.resolved(path)
    temporary = Self.unfinished(self.path)
    // Nothing is written through what happens to have that name; what an ended process of the same number has left is of no use.
    unsafe unlink(temporary)
    descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw SystemError(errno) }
    // Rights that the umask took away, of a file that had them.
    if isThere { fchmod(descriptor, mode) }
    buffer.reserveCapacity(1 << 20)
  }

  deinit {
    close(descriptor)
    // SAFETY: unlink reads a C string.
    if !isCommitted { unsafe unlink(temporary) }
  }

  /// Appends bytes.
  public func append(_ bytes: [UInt8]) throws(SystemError) {
    buffer += bytes
    count += UInt64(bytes.count)
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// Appends bytes that somebody else owns.
  public func append(_ bytes: RawSpan) throws(SystemError) {
    try flush()
    // SAFETY: the span's own bounds are passed on.
    try unsafe bytes.withUnsafeBytes { bytes throws(SystemError) in unsafe try write(bytes) }
    count += UInt64(bytes.byteCount)
  }

  /// Appends an integer, little endian.
  public func append<Integer: FixedWidthInteger>(_ value: Integer) throws(SystemError) {
    for shift in 0..<Integer.bitWidth / 8 { buffer.append(UInt8(truncatingIfNeeded: value >> (shift * 8))) }
    count += UInt64(Integer.bitWidth / 8)
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// Replaces the file's first bytes.
  public func overwriteBeginning(_ bytes: [UInt8]) throws(SystemError) {
    try flush()
    // SAFETY: the array's own bytes and length.
    let written = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    guard written == bytes.count else { throw SystemError(errno) }
  }

  private func flush() throws(SystemError) {
    let bytes = buffer
    buffer.removeAll(keepingCapacity: true)
    // SAFETY: the array's own bounds are passed on.
    try unsafe bytes.withUnsafeBufferPointer { bytes throws(SystemError) in try unsafe write(UnsafeRawBufferPointer(bytes)) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      // SAFETY: the rest of the buffer, by its own bounds.
      let written = unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw SystemError(errno) }
      done += written
    }
  }

  /// Brings everything to the disk and gives the file its name.
  public func commit() throws(SystemError) {
    try flush()
    // SAFETY: rename reads two C strings.
    guard fsync(descriptor) == 0, unsafe rename(temporary, path) == 0 else { throw SystemError(errno) }
    isCommitted = true
  }

  /// The name under which this process writes the file of a path, whose links are resolved, until it is whole.
  private static func unfinished(_ path: String) -> String { path + ".\(getpid()).partial" }

  /// Where a path leads if it is a symbolic link.
  private static func resolved(_ path: String) -> String {
    var status = stat()
    // SAFETY: lstat and realpath read a C string; realpath returns one of its own, which is copied and freed here, or nil.
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let name = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(name) }
    return unsafe String(cString: name)
  }

  /// Removes what this process has written so far for the file of a path: for a program that is about to end in the middle of it.
  public static func removeUnfinished(_ path: String) {
    // SAFETY: unlink reads a C string.
    unsafe unlink(unfinished(resolved(path)))
  }
}
