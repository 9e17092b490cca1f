public import Addressing

/// The place of an address in a radix tree of tables of 512 entries: nine bits a level, level 1 nearest to the page.
///
/// x86-64 (Intel SDM 4.5.4) and EPT (29.3.2) split addresses in the same way.
public enum X86Index {
  /// Entries in a table.
  public static let entriesPerTable = 512

  /// The index, from 0 to 511, of the entry that an address selects in a table of a level from 1 to 5.
  @inlinable public static func index<Space>(of address: Address<Space>, level: Int) -> Int {
    Int(truncatingIfNeeded: address.rawValue >> shift(level) & 511)
  }

  /// The lowest bit of an address that a table of a level looks at: 12, 21, 30, 39, 48.
  @inlinable public static func shift(_ level: Int) -> UInt64 { UInt64(truncatingIfNeeded: 3 &+ 9 &* level) }

  /// The address of the entry that `address` selects in the table of a level that begins at `table`.
  @inlinable public static func entryAddress<Table, Space>(
    in table: Address<Table>, of address: Address<Space>, level: Int
  ) -> Address<Table> {
    Address(table.rawValue | (address.rawValue >> shift(level) & 511) << 3)
  }

  /// Whether an address is canonical with a number of levels: its upper bits repeat the topmost translated one (Intel SDM 3.3.7.1).
  @inlinable public static func isCanonical(_ address: GuestVirtualAddress, levels: Int = 4) -> Bool {
    let unused = 64 - shift(levels + 1)
    let signed = Int64(bitPattern: address.rawValue)
    return (signed << Int64(unused)) >> Int64(unused) == signed
  }
}
