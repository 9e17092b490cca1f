internal import PageContents
internal import Synchronization

/// The fingerprints of an input's pages, computed from their bytes by several threads.
struct PageFingerprints {
  /// One a page, in page order, without pages that have vanished.
  let values: [UInt128]
  /// How many have vanished.
  let vanished: Int

  private struct Parts {
    var values: [[UInt128]]
    var vanished = 0
  }

  /// Hashes every unit.
  init(of units: ScanUnits, threads: Int) throws(ImageError) {
    let size = units.unitBytes
    let chunk = max(1, (2 << 20) / size)
    let parts = Mutex(Parts(values: Array(repeating: [], count: units.count / chunk + 1)))
    try ParallelChunks.forEach(units.count, chunk: chunk, threads: threads) { range throws(ImageError) in
      var values: [UInt128] = []
      values.reserveCapacity(range.count)
      let vanished = try units.forEachPiece(of: range) { _, bytes in
        for start in stride(from: 0, to: bytes.byteCount, by: size) {
          values.append(PageBytes.fingerprint(bytes.extracting(start..<start + size)))
        }
      }
      parts.withLock {
        $0.values[range.lowerBound / chunk] = values
        $0.vanished += vanished
      }
    }
    let all = parts.withLock { $0 }
    values = Array(all.values.joined())
    vanished = all.vanished
  }
}
