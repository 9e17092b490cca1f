internal import Columns

/// A hash of some words of a page: UKSM's random sampling hash.
///
/// The page's words of four bytes are put into one random order, the same for all pages. A hash of strength `s` reads the first `s` of
/// them, so it costs `4 s` bytes instead of 4096, and tells apart only pages that differ in a sampled word. At full strength it reads all.
@usableFromInline final class SampledHash {
  /// The strength that reads a whole page: a word of four bytes each.
  static let full = 1024

  /// The word offsets, in the order of sampling.
  private let offsets: Column<UInt16>

  /// The order that a stream of random numbers draws (Fisher and Yates).
  init(_ random: inout RandomStream) {
    offsets = Column(count: Self.full)
    for index in 0..<Self.full { offsets[index] = UInt16(index) }
    for index in stride(from: Self.full - 1, to: 0, by: -1) {
      let other = random.index(below: index + 1)
      (offsets[index], offsets[other]) = (offsets[other], offsets[index])
    }
  }

  /// The hash of a page of 4096 bytes at a strength from 1 to `full`.
  @usableFromInline func hash(_ page: UnsafeRawBufferPointer, strength: Int) -> UInt32 {
    precondition(strength <= Self.full && page.count == Self.full * 4, "no page, or more words than it has")
    let multiplier = SplitMix64.increment
    let state = unsafe offsets.withBuffer { offsets in
      var state: UInt64 = 0
      var index = 0
      while index < strength {
        // SAFETY: the precondition bounds the index; offsets are below 1024, and the page holds 1024 words.
        let word = unsafe page.loadUnaligned(fromByteOffset: Int(offsets[index]) << 2, as: UInt32.self)
        state = (state ^ UInt64(word.littleEndian)) &* multiplier
        state ^= state >> 32
        index += 1
      }
      return state
    }
    return UInt32(truncatingIfNeeded: SplitMix64.mix(state) >> 32)
  }
}
