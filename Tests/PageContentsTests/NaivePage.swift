import Addressing
import PageContents

/// A page as 4096 bytes, made by the rule that `PageContent` states, one byte after the other.
enum NaivePage {
  static let zero = [UInt8](repeating: 0, count: 4096)

  /// Word i of seed s is the scattered (s + 1) * phi + i * step; a variant's bits are XORed into three bytes.
  static func synthetic(seed: UInt64, variant: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4096)
    for index in 0..<512 as Range<UInt64> {
      var word = (seed &+ 1) &* 0x9e37_79b9_7f4a_7c15 &+ index &* 0xd1b5_4a32_d192_ed03
      word ^= word >> 32
      word &*= 0xbf58_476d_1ce4_e5b9
      word ^= word >> 29
      for _ in 0..<8 {
        bytes.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    bytes[1021] ^= UInt8(truncatingIfNeeded: variant)
    bytes[2042] ^= UInt8(truncatingIfNeeded: variant >> 8)
    bytes[4093] ^= UInt8(truncatingIfNeeded: variant >> 16) & 15
    return bytes
  }

  /// The bytes that a descriptor describes.
  static func bytes(of content: PageContent) -> [UInt8] {
    guard let seed = content.seed else { return [UInt8](repeating: UInt8(truncatingIfNeeded: content.rawValue), count: 4096) }
    return synthetic(seed: seed, variant: content.variant)
  }

  /// The little-endian word at an index.
  static func word(_ index: Int, of bytes: [UInt8]) -> UInt64 {
    bytes[index * 8..<index * 8 + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Stores a little-endian word.
  static func store(_ word: UInt64, _ index: Int, in bytes: inout [UInt8]) {
    for place in 0..<8 { bytes[index * 8 + place] = UInt8(truncatingIfNeeded: word >> UInt64(place * 8)) }
  }

  /// The first place where two pages differ; nil if they are the same. Tests expect this to be nil: a failed comparison of whole arrays
  /// would be explained by their difference, which takes minutes to compute.
  static func difference(_ a: [UInt8], _ b: [UInt8]) -> Int? {
    a == b ? nil : zip(a, b).enumerated().first { $1.0 != $1.1 }?.offset ?? min(a.count, b.count)
  }

  /// -1, 0 or 1 in the order of `memcmp`.
  static func order(_ a: [UInt8], _ b: [UInt8]) -> Int {
    for (left, right) in zip(a, b) where left != right { return left < right ? -1 : 1 }
    return 0
  }
}

extension FrameContents {
  /// The 4096 bytes that a frame shows.
  func shown(_ frame: HostFrame) -> [UInt8] { unsafe withBytes(of: frame) { unsafe Array($0) } }

  /// Fills a frame with real bytes.
  func fill(_ frame: HostFrame, with bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe write($0, at: 0, of: frame) } }
}

extension PageContent {
  /// Any content: a repeated byte, or synthetic from few seeds and variants so that equal ones and neighbours meet.
  static func random(using generator: inout some RandomNumberGenerator) -> PageContent {
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: .zero
    case 1: .repeated(UInt8.random(in: 0...255, using: &generator))
    case 2: .synthetic(seed: generator.next(), variant: generator.next())
    default: .synthetic(seed: UInt64.random(in: 0..<3, using: &generator), variant: UInt64.random(in: 0..<3, using: &generator) << 8)
    }
  }
}

/// The module's hashes of an array's bytes.
extension [UInt8] {
  var ksmChecksum: UInt32 { unsafe withUnsafeBytes { unsafe PageHash.ksmChecksum($0) } }
  var indexHash: UInt64 { unsafe withUnsafeBytes { unsafe PageHash.index($0) } }
  var fingerprint: (low: UInt64, high: UInt64) { unsafe withUnsafeBytes { unsafe PageHash.fingerprint($0) } }
  var isZeroPage: Bool { unsafe withUnsafeBytes { unsafe PageHash.isZero($0) } }
}
