internal import Addressing
internal import Columns

/// What UKSM keeps besides the pages' records: regions, the hash and its strength, and which hashes collide.
@usableFromInline final class UKSMState {
  @usableFromInline let spaces: SpaceList
  @usableFromInline let ladder: ScanLadder
  private let hash: SampledHash
  private var strength: HashStrength
  private let isZeroPlaced: BitColumn
  /// Keys of sampled hashes that pages of different bytes have; their pages are filed under second keys.
  private let collided: ContentIndex

  /// What a comparison of two pages costs in words hashed: 4096 bytes at `ScanCosts`' 60 ps against words of 4 bytes at 450 ps a byte. The
  /// kernel measures it at boot.
  static let comparisonWords: UInt64 = 136

  @usableFromInline init(_ settings: UKSMSettings, seed: UInt64, capacity: Int) {
    let source = RandomSource(seed: seed)
    spaces = SpaceList(capacity: capacity)
    ladder = ScanLadder(settings, random: source.stream("scanner/uksm/pages"))
    var words = source.stream("scanner/uksm/words")
    hash = SampledHash(&words)
    strength = HashStrength(words: settings.initialStrength)
    isZeroPlaced = BitColumn(count: capacity)
    collided = ContentIndex(capacity: capacity)
  }

  /// How many words of a page are hashed.
  @usableFromInline var words: Int { strength.words }

  /// The key of a page: its sampled hash with the lowest bit clear. That of zeros is 0.
  @usableFromInline func key(of page: UnsafeRawBufferPointer) -> UInt32 { unsafe hash.hash(page, strength: strength.words) & ~1 }

  /// The key of a page whose first key collides: a hash of that and of all bytes, with the lowest bit set.
  @usableFromInline func secondKey(_ key: UInt32, _ full: UInt64) -> UInt32 {
    ContentIndex.shortened(SplitMix64.mix(UInt64(key) << 32 ^ full)) | 1
  }

  // MARK: Gains and costs of sampling

  /// A page was hashed, at the present strength instead of in full.
  @usableFromInline func gain() {
    strength.gained += UInt64(SampledHash.full - strength.words)
    strength.pages += 1
  }

  /// Pages of one sampled hash turned out to be different.
  @usableFromInline func wasteComparison() { strength.wasted += Self.comparisonWords }

  /// A page with the sampled hash of zeros holds something else: the comparison ends where it does, in the middle on average.
  @usableFromInline func wasteHalfComparison() { strength.wasted += Self.comparisonWords / 2 }

  /// A page was hashed in full after all.
  @usableFromInline func wasteHash() { strength.wasted += UInt64(SampledHash.full - strength.words) }

  /// Adjusts the strength; returns whether it has changed.
  @usableFromInline func adjustStrength() -> Bool { strength.adjust(round: ladder.fullScans + 1) }

  // MARK: Collisions

  /// Whether pages of a key are filed under second keys.
  @usableFromInline func isCollided(_ key: UInt32) -> Bool {
    var probe = collided.probe(key)
    return collided.next(&probe) != nil
  }

  @usableFromInline func markCollided(_ key: UInt32) { collided.insert(0, hash: key) }

  @usableFromInline func clearCollisions() { collided.removeAll() }

  // MARK: Zero pages

  @usableFromInline func wasPlaced(_ page: Int) -> Bool { isZeroPlaced[page] }

  @usableFromInline func place(_ page: Int) { isZeroPlaced[page] = true }

  /// Whether the page had been placed, which it no longer is.
  @usableFromInline func takeZeroBack(_ page: Int) -> Bool {
    guard isZeroPlaced[page] else { return false }
    isZeroPlaced[page] = false
    return true
  }
}
