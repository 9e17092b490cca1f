internal import CBusGuard
internal import Glibc

/// # Files: files as bytes
///
/// The laboratory reads files that may be as large as the disk, damaged, or changing, and writes files that others rely on. Four types stand between it
/// and the operating system: `MappedFile` shows a file where it lies, `SequentialFile` reads one from front to back and decompresses it on the way,
/// `OpenFile` reads by offset what cannot be mapped (/proc), and `WholeFile` writes one that appears whole or not at all.
///
/// The invariant: *a file is input, and input is answered with values or errors, never with a trap*. Every access states its range and is checked; what
/// cannot be opened, mapped, decompressed or written says why.
///
/// When it may not hold: on a file in huge pages (hugetlbfs) that is made shorter while it is mapped; see `isIntact`.

/// A regular file's bytes, mapped for reading: as large as the disk, and nothing of it is copied.
///
/// The invariant: `base` points to `count` readable bytes for as long as the object lives, and every access is checked against `count`.
@safe public final class MappedFile: @unchecked Sendable {
  /// The path by which it was opened.
  public let path: String
  /// Its length in bytes when it was opened.
  public let count: Int
  @usableFromInline let base: UnsafeRawPointer
  private let watch: OpaquePointer?

  /// Maps a file.
  /// - Throws: why it cannot be read.
  public init(path: String) throws(MappedFileError) {
    // SAFETY: open and fstat read a C string and fill a local structure; a pipe without a writer does not block the open.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(errno) }
    // The mapping outlives the descriptor.
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .folder
    default: throw .notRegular
    }
    let count = Int(status.st_size)
    // SAFETY: a fresh mapping of at least one byte, owned by this object until deinit; an empty file maps one byte that nobody reads.
    let address = unsafe mmap(nil, max(count, 1), PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { throw .unreadable(errno) }
    self.path = path
    self.count = count
    unsafe base = UnsafeRawPointer(address)
    // SAFETY: the guard covers exactly the mapping, and is removed before it.
    unsafe watch = memlab_guard_add(address, max(count, 1))
  }

  deinit {
    // SAFETY: exactly the guard and the mapping made in init; nothing else refers to them after the object's end.
    if let watch = unsafe watch { unsafe memlab_guard_remove(watch) }
    unsafe munmap(UnsafeMutableRawPointer(mutating: base), max(count, 1))
  }

  /// Whether everything that was read so far was the file's.
  ///
  /// If somebody makes the file shorter while it is mapped, or the disk cannot read it, the kernel answers a read with SIGBUS; here such a read
  /// gives zeros, and this is false from then on. So whoever uses what was read asks afterwards.
  public var isIntact: Bool {
    // SAFETY: the guard lives as long as self.
    guard let watch = unsafe watch else { return true }
    return unsafe !memlab_guard_was_hit(watch)
  }

  /// The little-endian integer at an offset, or nil if it does not lie wholly inside the file (any more).
  public func integer<Integer: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Integer.Type = Integer.self) -> Integer? {
    let size = MemoryLayout<Integer>.size
    guard offset >= 0, size <= count, offset <= count - size else { return nil }
    // SAFETY: the range was just checked; the load may be unaligned.
    let value = unsafe Integer(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    return isIntact ? value : nil
  }

  /// A copy of the bytes of a range, or nil if it does not lie inside the file (any more).
  public func bytes(_ range: Range<Int>) -> [UInt8]? {
    guard range.lowerBound >= 0 && range.upperBound <= count else { return nil }
    let bytes = unsafe withBytes(range) { unsafe Array($0) }
    return isIntact ? bytes : nil
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
}
