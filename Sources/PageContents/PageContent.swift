public import Columns

/// # PageContents: what a page holds, as a descriptor or as bytes
///
/// A laboratory that gives every page 4096 bytes fits no fleet in a workstation. One that gives pages only labels estimates what it
/// should do. Here a page's content is a *pure function* of an eight-byte descriptor until somebody writes bytes into it: whoever
/// needs the bytes, to hash or to compare them, expands the descriptor into a scratch page, and the same descriptor always expands to the
/// same bytes. A page that is written byte by byte (a page table, a virtqueue, a loaded image) owns real memory instead.
///
/// The invariant: *which way a page is held cannot be seen from outside*. Hash, comparison, word loads and copies give the same answer
/// for a descriptor and for its expansion, to the last byte; the tests hold both forms side by side.

/// The content of a page as an eight-byte descriptor: one repeated byte, or synthetic bytes from a seed and a variant.
///
/// All-zero bits describe the zero page, so a fresh column describes zeroed memory.
@frozen public struct PageContent: Hashable, Sendable, BitwiseCopyable {
  /// The descriptor as a word: the kind in bits 63:62, its parameters below.
  public let rawValue: UInt64

  /// Takes a word that `rawValue` gave for the descriptor that it was. No other words are descriptors.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Bytes in a page: 4 KiB.
  public static let byteCount = 4096
  /// 64-bit words in a page.
  public static let wordCount = 512
  /// Bits of a seed: 42.
  public static let seedBits: UInt64 = 42
  /// Bits of a variant: 20.
  public static let variantBits: UInt64 = 20

  /// The page of 4096 zero bytes.
  public static let zero = PageContent(rawValue: 0)

  /// A page of 4096 equal bytes.
  @inlinable public static func repeated(_ byte: UInt8) -> PageContent { PageContent(rawValue: UInt64(byte)) }

  /// Synthetic bytes: `seed` (its low 42 bits) chooses the page, `variant` (its low 20 bits) changes three bytes at known places.
  ///
  /// Pages of different seeds differ in their first eight bytes; variants of one seed differ only at `variantOffsets`.
  @inlinable public static func synthetic(seed: UInt64, variant: UInt64 = 0) -> PageContent {
    let low = (seed & ((1 << seedBits) - 1)) << variantBits | variant & ((1 << variantBits) - 1)
    return PageContent(rawValue: Kind.synthetic.rawValue << 62 | low)
  }

  /// The byte offsets that a variant changes: bits 7:0, 15:8 and 19:16 of the variant are XORed into the bytes there.
  public static let variantOffsets = (1021, 2042, 4093)

  @usableFromInline enum Kind: UInt64 {
    case repeated = 0
    case synthetic = 1
    /// Only inside `FrameContents`: the low bits number a page of real bytes.
    case bytes = 2
  }

  @inlinable var kind: Kind { Kind(rawValue: rawValue >> 62) ?? .repeated }
  @inlinable var repeatedByte: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

  /// The seed of synthetic content; nil for a repeated byte.
  @inlinable public var seed: UInt64? { kind == .synthetic ? (rawValue << 2) >> (2 + PageContent.variantBits) : nil }
  /// The variant of synthetic content; 0 for a repeated byte.
  @inlinable public var variant: UInt64 { kind == .synthetic ? rawValue & ((1 << PageContent.variantBits) - 1) : 0 }

  /// The content after a small write: the next variant of the same seed, of which there are 2^20 before the first returns. A repeated byte
  /// becomes synthetic content of its own, from the 256 highest seeds.
  public var written: PageContent {
    guard let seed else { return .synthetic(seed: 0x3ff_ffff_ff00 | UInt64(repeatedByte), variant: 1) }
    return .synthetic(seed: seed, variant: variant &+ 1)
  }
}

extension PageContent {
  /// The word at an index from 0 to 511, little endian, without expanding the page.
  @inlinable public func word(at index: Int) -> UInt64 {
    guard kind == .synthetic else { return UInt64(repeatedByte) &* 0x0101_0101_0101_0101 }
    return PageContent.base((rawValue << 2) >> (2 + PageContent.variantBits), index) ^ variantMask(at: index)
  }

  /// The word of variant 0. The first word is a bijection of the seed, hence different for different seeds.
  @inlinable static func base(_ seed: UInt64, _ index: Int) -> UInt64 {
    scattered(start(seed) &+ UInt64(truncatingIfNeeded: index) &* step)
  }

  @usableFromInline static let step: UInt64 = 0xd1b5_4a32_d192_ed03

  @inlinable static func start(_ seed: UInt64) -> UInt64 { (seed &+ 1) &* SplitMix64.increment }

  @inlinable static func scattered(_ z: UInt64) -> UInt64 {
    let product = (z ^ (z >> 32)) &* 0xbf58_476d_1ce4_e5b9
    return product ^ (product >> 29)
  }

  @inlinable func variantMask(at index: Int) -> UInt64 {
    let bits = variant
    switch index {
    case PageContent.variantOffsets.0 / 8: return (bits & 0xff) << UInt64(PageContent.variantOffsets.0 % 8 * 8)
    case PageContent.variantOffsets.1 / 8: return ((bits >> 8) & 0xff) << UInt64(PageContent.variantOffsets.1 % 8 * 8)
    case PageContent.variantOffsets.2 / 8: return (bits >> 16) << UInt64(PageContent.variantOffsets.2 % 8 * 8)
    default: return 0
    }
  }

  /// Writes the page's 4096 bytes into a buffer of at least that size.
  public func expand(into page: UnsafeMutableRawBufferPointer) {
    precondition(page.count >= PageContent.byteCount, "a page expands into 4096 bytes")
    guard kind == .synthetic else {
      // SAFETY: the buffer holds at least 4096 bytes, checked above.
      unsafe UnsafeMutableRawBufferPointer(rebasing: page[..<PageContent.byteCount]).initializeMemory(
        as: UInt8.self, repeating: repeatedByte)
      return
    }
    // `base` word by word, its one multiplication by the index made an addition a word.
    var z = PageContent.start((rawValue << 2) >> (2 + PageContent.variantBits))
    for index in 0..<PageContent.wordCount {
      // SAFETY: 512 words of 8 bytes are 4096 bytes, checked above; unaligned stores are allowed.
      unsafe page.storeBytes(of: PageContent.scattered(z).littleEndian, toByteOffset: index * 8, as: UInt64.self)
      z &+= PageContent.step
    }
    for offset in [PageContent.variantOffsets.0, PageContent.variantOffsets.1, PageContent.variantOffsets.2] {
      let word = self.word(at: offset / 8).littleEndian
      unsafe page.storeBytes(of: word, toByteOffset: offset / 8 * 8, as: UInt64.self)
    }
  }
}
