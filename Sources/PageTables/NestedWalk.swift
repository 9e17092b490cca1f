public import Addressing

/// What a walk of a guest-physical map came to, in two words.
@frozen public struct NestedWalk: Sendable, BitwiseCopyable {
  /// How a walk ends.
  @frozen public enum Kind: UInt8, Sendable {
    /// At a leaf that lets the access pass.
    case mapped
    /// Refused: an EPT violation (exit reason 48) or a nested page fault (exit code 0x400).
    case violation
    /// At an entry that hardware does not accept: an EPT misconfiguration (exit reason 49). AMD's nested faults have none: a reserved bit
    /// there is a violation that says so.
    case misconfiguration
    /// The leaf's D bit would have to be set, and the page-modification log is full (exit reason 62).
    case logFull
  }

  /// The leaf, or what the exit reports; 0 of no walk at all.
  public let word: UInt64
  /// Bits 10:0 rights, bits 19:16 the level, bits 25:24 the kind.
  @usableFromInline let state: UInt64

  /// A result of its parts.
  @inlinable public init(_ kind: Kind, word: UInt64, level: Int, rights: UInt64 = 0) {
    self.word = word
    state = UInt64(kind.rawValue) << 24 | UInt64(truncatingIfNeeded: level) << 16 | rights
  }

  /// How the walk ended.
  @inlinable public var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: state >> 24)) ?? .mapped }
  /// Whether the access may be made.
  @inlinable public var isMapped: Bool { state >> 24 == 0 }
  /// The level of the entry at which the walk ended; 0 where the address lies beyond what the map can reach.
  @inlinable public var level: Int { Int(truncatingIfNeeded: state >> 16 & 15) }
  /// Where mapped: the leaf as it is after A and D were set; of a large leaf with the frame of the address's own 4 KiB.
  @inlinable public var leaf: EPTEntry { EPTEntry(rawValue: word) }
  /// Where mapped: the size of the leaf's page.
  @inlinable public var pageSize: PageSize { PageSize(leafLevel: level) ?? .size4K }
  /// Where mapped: the AND over the levels of R, W, X (bits 2:0) and, with mode-based execute control, of the user's X (bit 10).
  @inlinable public var rights: UInt64 { state & 0x407 }
  /// Of a violation: the exit qualification (Intel SDM table 28-7), or EXITINFO1 of a nested page fault (AMD APM volume 2, 15.25.6).
  @inlinable public var qualification: UInt64 { word }
}

/// The tables that a walk of a map went through, for caches of paging structures to remember.
@frozen public struct NestedPath: Sendable, BitwiseCopyable {
  @usableFromInline var table1, table2, table3, table4, table5: UInt64
  @usableFromInline var rights1, rights2, rights3, rights4, rights5: UInt64

  @inlinable init() {
    (table1, table2, table3, table4, table5) = (0, 0, 0, 0, 0)
    (rights1, rights2, rights3, rights4, rights5) = (0, 0, 0, 0, 0)
  }

  /// The table of a level from 1 to 5; address 0 at levels that the walk did not come to.
  @inlinable public func table(level: Int) -> HostPhysicalAddress {
    switch level {
    case 1: HostPhysicalAddress(table1)
    case 2: HostPhysicalAddress(table2)
    case 3: HostPhysicalAddress(table3)
    case 4: HostPhysicalAddress(table4)
    default: HostPhysicalAddress(table5)
    }
  }

  /// The AND of the entries above the table of a level: what a walk that starts there is to be given, and means nothing else.
  @inlinable public func rights(level: Int) -> UInt64 {
    switch level {
    case 1: rights1
    case 2: rights2
    case 3: rights3
    case 4: rights4
    default: rights5
    }
  }

  @inlinable mutating func note(_ table: UInt64, _ rights: UInt64, level: Int) {
    switch level {
    case 1: (table1, rights1) = (table, rights)
    case 2: (table2, rights2) = (table, rights)
    case 3: (table3, rights3) = (table, rights)
    case 4: (table4, rights4) = (table, rights)
    default: (table5, rights5) = (table, rights)
    }
  }

  /// Bits that all entries of the walk have got.
  mutating func addRights(_ bits: UInt64) {
    rights1 |= bits
    rights2 |= bits
    rights3 |= bits
    rights4 |= bits
    rights5 |= bits
  }
}
