/// All combinations of page-table bits, access and control bits that the public kvm-unit-tests' `x86/access.c` goes through on a processor
/// with MAXPHYADDR <= 36: 28,999,680 of them.
///
/// They stand in a fixed order and each can be had by its number, so that a test may take every 61st and two threads half each. (Take a
/// stride that is odd: the lowest bits of the number are single flags.)
public struct PermissionEnumeration: Sendable {
  /// How many combinations are legal.
  public static let count = plainCount * accesses.count * keys.count * Self.reserved.count

  /// An enumeration; it has nothing to set.
  public init() {}

  /// The combination of a number from 0 up to, not including, `count`.
  @inlinable public subscript(number: Int) -> PermissionCase {
    var rest = number
    let plain = UInt32(truncatingIfNeeded: rest & (Self.plainCount - 1))
    rest /= Self.plainCount
    let access = Self.accesses[rest % Self.accesses.count]
    rest /= Self.accesses.count
    let key = Self.keys[rest % Self.keys.count]
    let reserved = Self.reserved[rest / Self.keys.count]
    return PermissionCase(flags: PermissionCase.scatter(plain) | access | key | reserved)
  }

  /// Flags that are free to be anything: five of the PTE, five of the PDE, PDPTE, key, user, twice, WP.
  @usableFromInline static let plainCount = 1 << 15
  /// Read, write, fetch.
  @usableFromInline static let accesses: [UInt32] = [0, PermissionCase.write, PermissionCase.fetch]
  /// Without protection keys no AD and no WD.
  @usableFromInline static let keys: [UInt32] =
    [0] + [0, PermissionCase.keyAD, PermissionCase.keyWD, PermissionCase.keyAD | PermissionCase.keyWD].map { $0 | PermissionCase.pke }
  /// At most one reserved bit, among them NX while NXE is clear; PDE bit 13 with PSE only.
  @usableFromInline static let reserved: [UInt32] = [0, PermissionCase.pse].flatMap { size in
    let bits = [PermissionCase.pte51, PermissionCase.pte36, PermissionCase.pde51, PermissionCase.pde36]
    let one = [0] + bits + (size == 0 ? [] : [PermissionCase.pde13])
    let forbidding = [0, PermissionCase.pteNX, PermissionCase.pdeNX, PermissionCase.pteNX | PermissionCase.pdeNX]
    let enabled = forbidding.flatMap { nx in one.map { $0 | nx | PermissionCase.nxe } }
    return (enabled + one + [PermissionCase.pteNX, PermissionCase.pdeNX]).map { $0 | size }
  }
}

/// One combination: which bits are set in the two lowest entries of a walk of four levels, what is tried, and how the processor is set up.
///
/// The flags stand at the places that the public test gives them.
public struct PermissionCase: Hashable, Sendable {
  /// The flags.
  public let flags: UInt32

  /// A combination, legal or not.
  @inlinable public init(flags: UInt32) { self.flags = flags }

  /// R/W of the level-1 entry.
  public static let pteW: UInt32 = 1 << 0
  /// U/S of the level-1 entry.
  public static let pteU: UInt32 = 1 << 1
  /// A of the level-1 entry.
  public static let pteA: UInt32 = 1 << 2
  /// D of the level-1 entry.
  public static let pteD: UInt32 = 1 << 3
  /// XD of the level-1 entry.
  public static let pteNX: UInt32 = 1 << 4
  /// P of the level-1 entry.
  public static let pteP: UInt32 = 1 << 5
  /// Bit 51 of the level-1 entry, reserved.
  public static let pte51: UInt32 = 1 << 6
  /// Bit 36 of the level-1 entry, reserved.
  public static let pte36: UInt32 = 1 << 7
  /// R/W of the level-2 entry.
  public static let pdeW: UInt32 = 1 << 8
  /// U/S of the level-2 entry.
  public static let pdeU: UInt32 = 1 << 9
  /// A of the level-2 entry.
  public static let pdeA: UInt32 = 1 << 10
  /// D of the level-2 entry.
  public static let pdeD: UInt32 = 1 << 11
  /// PS of the level-2 entry: it maps 2 MiB.
  public static let pse: UInt32 = 1 << 12
  /// XD of the level-2 entry.
  public static let pdeNX: UInt32 = 1 << 13
  /// P of the level-2 entry.
  public static let pdeP: UInt32 = 1 << 14
  /// Bit 51 of the level-2 entry, reserved.
  public static let pde51: UInt32 = 1 << 15
  /// Bit 36 of the level-2 entry, reserved.
  public static let pde36: UInt32 = 1 << 16
  /// Bit 13 of the level-2 entry, reserved in a leaf.
  public static let pde13: UInt32 = 1 << 17
  /// R/W of the level-3 entry is clear.
  public static let pdpteReadOnly: UInt32 = 1 << 18
  /// PKRU.AD of key 1.
  public static let keyAD: UInt32 = 1 << 19
  /// PKRU.WD of key 1.
  public static let keyWD: UInt32 = 1 << 20
  /// The leaf has protection key 1, else 0.
  public static let key: UInt32 = 1 << 21
  /// The access is made in user mode.
  public static let user: UInt32 = 1 << 22
  /// The access is a write.
  public static let write: UInt32 = 1 << 23
  /// The access is a fetch.
  public static let fetch: UInt32 = 1 << 24
  /// A supervisor read comes first.
  public static let twice: UInt32 = 1 << 25
  /// EFER.NXE.
  public static let nxe: UInt32 = 1 << 26
  /// CR0.WP.
  public static let wp: UInt32 = 1 << 27
  /// CR4.SMEP; never set here.
  public static let smep: UInt32 = 1 << 28
  /// CR4.PKE.
  public static let pke: UInt32 = 1 << 29

  /// Puts 15 bits where the flags are that nothing else depends on.
  @inlinable static func scatter(_ bits: UInt32) -> UInt32 {
    let pte = bits & 15 | (bits >> 4 & 1) << 5
    let pde = (bits >> 5 & 15) << 8 | (bits >> 9 & 1) << 14
    let rest = (bits >> 10 & 1) << 18 | (bits >> 11 & 1) << 21 | (bits >> 12 & 1) << 22 | (bits >> 13 & 1) << 25 | (bits >> 14 & 1) << 27
    return pte | pde | rest
  }

  /// Whether a flag is set.
  @inlinable public func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

  // MARK: Entries

  /// The level of the leaf: 2 with PSE, else 1.
  @inlinable public var leafLevel: Int { has(PermissionCase.pse) ? 2 : 1 }

  /// The level-3 entry that points to the table in a frame; A is clear.
  @inlinable public func pdpte(_ table: UInt64) -> UInt64 { table << 12 | (has(PermissionCase.pdpteReadOnly) ? 5 : 7) }

  /// The level-2 entry that points to a table in a frame or, with PSE, to a page of 2 MiB at a frame.
  @inlinable public func pde(_ frame: UInt64) -> UInt64 {
    var word = frame << 12 | bits(at: 8, nx: PermissionCase.pdeNX, p: PermissionCase.pdeP)
    if has(PermissionCase.pse) { word |= 1 << 7 }
    if has(PermissionCase.pde51) { word |= 1 << 51 }
    if has(PermissionCase.pde36) { word |= 1 << 36 }
    if has(PermissionCase.pde13) { word |= 1 << 13 }
    // Above a leaf bits 62:59 mean nothing: whoever takes them for a key finds one that refuses everything.
    return word | (has(PermissionCase.pse) ? keyBits : 2 << 59)
  }

  /// The level-1 entry of a page at a frame; with PSE nobody looks at it.
  @inlinable public func pte(_ frame: UInt64) -> UInt64 {
    var word = frame << 12 | bits(at: 0, nx: PermissionCase.pteNX, p: PermissionCase.pteP) | keyBits
    if has(PermissionCase.pte51) { word |= 1 << 51 }
    if has(PermissionCase.pte36) { word |= 1 << 36 }
    return word
  }

  @inlinable var keyBits: UInt64 { has(PermissionCase.key) ? 1 << 59 : 0 }

  @inlinable func bits(at shift: UInt32, nx: UInt32, p: UInt32) -> UInt64 {
    let low = UInt64(flags >> shift)
    return (low & 3) << 1 | (low >> 2 & 3) << 5 | (has(nx) ? 1 << 63 : 0) | (has(p) ? 1 : 0)
  }

  // MARK: Access and controls

  /// 0 a read, 1 a write, 2 a fetch: the raw values of `AccessKind`.
  @inlinable public var kind: UInt8 { has(PermissionCase.write) ? 1 : has(PermissionCase.fetch) ? 2 : 0 }
  /// Whether the access is made in user mode.
  @inlinable public var isUser: Bool { has(PermissionCase.user) }
  /// Whether a read by the supervisor comes first.
  @inlinable public var isTwice: Bool { has(PermissionCase.twice) }
  /// PKRU: AD and WD are those of key 1; key 2, which no leaf has, refuses everything.
  @inlinable public var pkru: UInt32 { (has(PermissionCase.keyAD) ? 4 : 0) | (has(PermissionCase.keyWD) ? 8 : 0) | 0x30 }
}
