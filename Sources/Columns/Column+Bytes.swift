internal import Glibc

/// Columns as bytes.
extension Column where Element == UInt8 {
  /// A column of the bytes of an array's elements, in the machine's byte order.
  public init<Source: BitwiseCopyable>(bytesOf elements: [Source]) {
    self.init(count: elements.count * MemoryLayout<Source>.stride)
    let base = unsafe base
    // SAFETY: the column has as many bytes as the array.
    unsafe elements.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(start: base, count: source.count).copyMemory(from: source)
    }
  }

  /// Copies bytes into the column from an index on; the range is checked.
  public func copy(from source: UnsafeRawBufferPointer, to start: Int = 0) {
    precondition(start >= 0 && source.count <= count - start, "column range out of bounds")
    let base = unsafe base
    // SAFETY: the range was just checked.
    unsafe UnsafeMutableRawBufferPointer(start: base + start, count: source.count).copyMemory(from: source)
  }

  /// The eight bytes from an index on as a little-endian number; the range is checked.
  @inlinable public func word(at start: Int) -> UInt64 {
    precondition(start >= 0 && start <= count - 8, "column range out of bounds")
    // SAFETY: the range was just checked; the load may be unaligned.
    return unsafe UInt64(littleEndian: UnsafeRawPointer(base + start).loadUnaligned(as: UInt64.self))
  }

  /// Shows a range of bytes as a span, which cannot leave it; the range is checked.
  @inlinable public func withSpan<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "column range out of bounds")
    // SAFETY: the range was just checked, and the column lives during the call.
    return unsafe body(RawSpan(_unsafeStart: UnsafeRawPointer(base) + range.lowerBound, byteCount: range.count))
  }
}

/// Memory for columns.
public enum ColumnMemory {
  /// Whether this process may map so many bytes now. A column that may not ends the program; so whoever needs one as large as a file says
  /// asks first.
  public static func isAvailable(bytes: Int) -> Bool {
    // SAFETY: a mapping that is given back at once, untouched.
    let probe = unsafe mmap(nil, max(bytes, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let probe = unsafe probe, unsafe probe != MAP_FAILED else { return false }
    unsafe munmap(probe, max(bytes, 1))
    return true
  }
}
