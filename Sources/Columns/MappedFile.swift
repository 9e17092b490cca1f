internal import Glibc

/// A regular file's bytes, mapped for reading: as large as the disk, and nothing of it is copied.
///
/// The invariant: `base` points to `count` readable bytes for as long as the object lives, and every access states its range and is checked
/// against `count`. A file is input, so what cannot be mapped is an error, not a trap: a missing file, a folder, a pipe.
///
/// When it may not hold: if somebody makes the file shorter while it is mapped, the kernel answers a read behind the new end with SIGBUS. Whoever
/// reads large ranges calls `populate` first, which turns that, and a disk's read error, into an ordinary failure, but for a file that shrinks
/// between the two: a program that must not crash then handles the signal, as the command line does.
@safe public final class MappedFile: @unchecked Sendable {
  /// The path by which it was opened.
  public let path: String
  /// Its length in bytes when it was opened.
  public let count: Int
  @usableFromInline let base: UnsafeRawPointer

  /// Maps a file.
  /// - Throws: why it cannot be read.
  public init(path: String) throws(MappedFileError) {
    // SAFETY: open and fstat read a C string and fill a local structure; a pipe without a writer does not block the open.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .folder
    default: throw .notRegular
    }
    self.path = path
    count = Int(status.st_size)
    // SAFETY: a fresh mapping of at least one byte, owned by this object until deinit; an empty file maps one byte that nobody reads.
    let address = unsafe mmap(nil, max(count, 1), PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { throw .unreadable(errno) }
    unsafe base = UnsafeRawPointer(address)
  }

  deinit {
    // SAFETY: exactly the mapping made in init; nothing else refers to it after the object's end.
    unsafe munmap(UnsafeMutableRawPointer(mutating: base), max(count, 1))
  }

  /// The little-endian integer at an offset, or nil if it does not lie wholly inside the file.
  public func integer<Integer: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Integer.Type = Integer.self) -> Integer? {
    let size = MemoryLayout<Integer>.size
    guard offset >= 0, size <= count, offset <= count - size else { return nil }
    // SAFETY: the range was just checked; the load may be unaligned.
    return unsafe Integer(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Integer.self))
  }

  /// A copy of the bytes of a range, or nil if it does not lie inside the file.
  public func bytes(_ range: Range<Int>) -> [UInt8]? {
    guard range.lowerBound >= 0 && range.upperBound <= count else { return nil }
    return unsafe withBytes(range) { unsafe Array($0) }
  }

  /// Whether the file begins with these bytes.
  public func starts(with prefix: [UInt8]) -> Bool { bytes(0..<prefix.count) == prefix }

  /// Shows a range of bytes to `body`; the range is checked, and the buffer is valid during the call only.
  @inlinable public func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "file range out of bounds")
    // SAFETY: the range was just checked against count.
    return try unsafe body(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
  }

  /// Shows a range of bytes to `body` as a span, which cannot leave it; the range is checked.
  @inlinable public func withSpan<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "file range out of bounds")
    // SAFETY: the range was just checked against count, and self lives during the call.
    return try body(unsafe RawSpan(_unsafeStart: base + range.lowerBound, byteCount: range.count))
  }

  /// Brings a range into memory, so that reading it faults no more.
  /// - Returns: false if the file has become shorter or the disk cannot read it. True where the kernel is too old to say (before 5.14).
  public func populate(_ range: Range<Int>) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "file range out of bounds")
    guard !range.isEmpty else { return true }
    let pageMask = 4095
    let first = range.lowerBound & ~pageMask
    // SAFETY: the range lies inside the mapping, whose first byte is page-aligned; the advice changes no bytes.
    let result = unsafe madvise(UnsafeMutableRawPointer(mutating: base) + first, range.upperBound - first, Self.populateRead)
    return result == 0 || errno == EINVAL
  }

  /// MADV_POPULATE_READ (include/uapi/asm-generic/mman-common.h, Linux 5.14), which older C libraries do not name.
  private static let populateRead: CInt = 22
}

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
    // SAFETY: strerror returns a valid C string for every number.
    case .unreadable(let code): unsafe String(cString: strerror(code))
    }
  }
}
