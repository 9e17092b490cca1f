internal import Files

extension MemoryImage {
  /// Takes a file's bytes for guest-physical memory.
  ///
  /// The PC's firmware and devices sit below 4 GiB, so a guest with more memory than fits under them has the rest at 4 GiB and above.
  /// QEMU's RAM file has no hole: `belowFourGiB` says how much of it lies below, and the byte after that is guest-physical address 4 GiB.
  convenience init(raw file: MappedFile, belowFourGiB: UInt64?) throws(ImageError) {
    let size = UInt64(file.count)
    guard size > 0 else { throw ImageError(file.path, .empty, "the file is empty") }
    let rest = size % UInt64(Self.pageSize)
    guard rest == 0 else {
      let problem = "no known format, and no raw image: its size, \(size) bytes, is not a multiple of \(Self.pageSize)"
      throw ImageError(file.path, .malformed, at: size - rest, problem)
    }
    guard let below = belowFourGiB, below < size else {
      try self.init(file, .raw, .physical, [Extent(address: 0, bytes: size, offset: 0, header: 0)])
      return
    }
    guard below % UInt64(Self.pageSize) == 0 && below <= 1 << 32 else {
      throw ImageError(file.path, .incompatible, "memory below 4 GiB is a multiple of 4 KiB and at most 4 GiB, not \(below) bytes")
    }
    try self.init(
      file, .raw, .physical,
      [Extent(address: 0, bytes: below, offset: 0, header: 0), Extent(address: 1 << 32, bytes: size - below, offset: below, header: below)])
  }
}
