internal import Glibc

/// A file that appears whole or not at all: written under another name in the same folder, and renamed when everything is on the disk.
///
/// The invariant: an older file of the same name stays as it is until `commit` has succeeded; without it, nothing is left.
final class OutputFile {
  private let path: String
  private let temporary: String
  private let descriptor: CInt
  private var buffer: [UInt8] = []
  private var isCommitted = false
  /// Bytes written so far.
  private(set) var count: UInt64 = 0

  /// Begins a file; fails if the folder cannot be written, or the name belongs to something that is no regular file.
  init(_ path: String) throws(ImageError) {
    var status = stat()
    // SAFETY: stat and open read a C string and fill a local structure.
    if unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG {
      throw ImageError(path, .cannotWrite, "it exists and is not a regular file")
    }
    self.path = path
    temporary = UnfinishedFile.path(for: path)
    descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ImageError(path, .cannotWrite, Self.reason(errno)) }
    buffer.reserveCapacity(1 << 20)
  }

  deinit {
    close(descriptor)
    // SAFETY: unlink reads a C string.
    if !isCommitted { unsafe unlink(temporary) }
  }

  private static func reason(_ code: CInt) -> String {
    // SAFETY: strerror returns a valid C string for every number.
    unsafe String(cString: strerror(code))
  }

  /// Appends bytes.
  func append(_ bytes: [UInt8]) throws(ImageError) {
    buffer += bytes
    count += UInt64(bytes.count)
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// Appends bytes that somebody else owns.
  func append(_ bytes: RawSpan) throws(ImageError) {
    try flush()
    // SAFETY: the span's own bounds are passed on.
    try unsafe bytes.withUnsafeBytes { bytes throws(ImageError) in unsafe try write(bytes) }
    count += UInt64(bytes.byteCount)
  }

  /// Appends an integer, little endian.
  func append<Integer: FixedWidthInteger>(_ value: Integer) throws(ImageError) {
    for shift in 0..<Integer.bitWidth / 8 { buffer.append(UInt8(truncatingIfNeeded: value >> (shift * 8))) }
    count += UInt64(Integer.bitWidth / 8)
    if buffer.count >= 1 << 20 { try flush() }
  }

  /// Replaces the file's first bytes.
  func overwriteBeginning(_ bytes: [UInt8]) throws(ImageError) {
    try flush()
    // SAFETY: the array's own bytes and length.
    let written = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    guard written == bytes.count else { throw ImageError(path, .cannotWrite, Self.reason(errno)) }
  }

  private func flush() throws(ImageError) {
    let bytes = buffer
    buffer.removeAll(keepingCapacity: true)
    // SAFETY: the array's own bounds are passed on.
    try unsafe bytes.withUnsafeBufferPointer { bytes throws(ImageError) in try unsafe write(UnsafeRawBufferPointer(bytes)) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
    var done = 0
    while done < bytes.count {
      // SAFETY: the rest of the buffer, by its own bounds.
      let written = unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw ImageError(path, .cannotWrite, Self.reason(errno)) }
      done += written
    }
  }

  /// Brings everything to the disk and gives the file its name.
  func commit() throws(ImageError) {
    try flush()
    // SAFETY: rename reads two C strings.
    guard fsync(descriptor) == 0, unsafe rename(temporary, path) == 0 else { throw ImageError(path, .cannotWrite, Self.reason(errno)) }
    isCommitted = true
  }
}

/// What this process has begun to write under another name: for a program that is about to end in the middle of it.
public enum UnfinishedFile {
  /// The name under which this process writes the file of a path until it is whole.
  static func path(for path: String) -> String { path + ".\(getpid()).partial" }

  /// Removes what was written so far for the file of a path; nothing happens if that is nothing.
  public static func remove(for path: String) {
    // SAFETY: unlink reads a C string.
    unsafe unlink(self.path(for: path))
  }
}
