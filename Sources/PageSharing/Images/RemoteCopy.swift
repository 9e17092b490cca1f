internal import PageContents

/// Looks at another process's memory through copies of it, a piece at a time.
public enum RemoteCopy {
  /// Bytes copied at once, or one unit if that is more.
  private static let pieceBytes = 256 << 10

  /// Shows units from an address on, skipping those that have vanished.
  /// - Returns: how many have vanished.
  public static func forEachPiece(
    of process: any RemoteMemory, at address: UInt64, units: Range<Int>, unitBytes: Int,
    _ body: (_ first: Int, _ bytes: RawSpan) -> Void
  ) throws(RemoteMemoryError) -> Int {
    let capacity = max(1, pieceBytes / unitBytes)
    // SAFETY: the scratch holds `capacity` units and is freed behind its last use; pieces of it are cut out inside those bounds.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * unitBytes, alignment: 4096)
    defer { unsafe scratch.deallocate() }
    var vanished = 0
    var unit = units.lowerBound
    while unit < units.upperBound {
      let wanted = min(capacity, units.upperBound - unit) * unitBytes
      let place = address + UInt64(unit - units.lowerBound) * UInt64(unitBytes)
      let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<wanted])
      let whole = unsafe try process.read(at: place, into: piece) / unitBytes
      if whole > 0 { unsafe body(unit, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: piece[..<(whole * unitBytes)]))) }
      unit += whole
      if whole * unitBytes < wanted {
        vanished += 1
        unit += 1
      }
    }
    return vanished
  }

  /// Whether the bytes at an address are these. False if they can no longer be read: whoever reads on learns why.
  public static func bytes(of process: any RemoteMemory, at address: UInt64, equal bytes: RawSpan) -> Bool {
    // SAFETY: the copy is as long as the bytes, and read only where the process's memory filled it.
    unsafe withUnsafeTemporaryAllocation(byteCount: bytes.byteCount, alignment: 64) { copy in
      let count = unsafe (try? process.read(at: address, into: copy)) ?? 0
      return unsafe count == bytes.byteCount && PageBytes.areEqual(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(copy)), bytes)
    }
  }
}
