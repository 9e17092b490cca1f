extension RawSpan {
  /// The byte at an offset; the offset is checked.
  @inlinable @inline(__always) public func byte(_ offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount, "offset out of the span's bounds")
    // SAFETY: the offset was just checked.
    return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self)
  }

  /// The little-endian integer at an offset; the offset is checked.
  @inlinable @inline(__always) public func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ offset: Int, as type: Integer.Type = Integer.self
  )
    -> Integer
  {
    precondition(offset >= 0 && offset <= byteCount &- MemoryLayout<Integer>.size, "offset out of the span's bounds")
    // SAFETY: the range was just checked; a span is never so short that the subtraction wraps.
    return unsafe Integer(littleEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Integer.self))
  }
}
