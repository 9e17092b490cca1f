import Addressing

/// The generator of the golden rows: three references in turn, an instruction fetch and two data loads.
struct GoldenTrace {
  let isRandom: Bool
  private var state: UInt64 = 88_172_645_463_325_252
  private var index: UInt64 = 0

  init(isRandom: Bool) { self.isRandom = isRandom }

  mutating func next() -> (address: GuestVirtualAddress, isFetch: Bool) {
    let i = index
    index += 1
    if i % 3 == 0 { return (GuestVirtualAddress(0x400000 + (i % 64) * 4), true) }
    var offset = i &* 8 % (1 << 30)
    if isRandom {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      offset = state % (1 << 30)
    }
    return (GuestVirtualAddress(0x100_0000_0000 + (offset & ~7)), false)
  }
}
