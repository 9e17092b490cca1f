internal import Addressing
internal import Columns

/// The walk caches and where they lie.
struct WalkTables: ~Copyable {
  /// Bits of a context and a size in a tag; 40 bits remain for a prefix, which is a page number of at most 52 - 12 bits.
  static var contextBits: UInt64 { 24 }
  /// The context in a tag, without the size.
  static var contextMask: UInt64 { 1 << contextBits - 4 }
  /// The index of the nested TLB.
  static var nested: Int { 8 }

  /// Guest dimension by level - 2 (PDE, PDPTE, PML4E, PML5E); host dimension from 4 on; the nested TLB last.
  let tables: Column<WayTable>
  let memory: WayMemory
  /// Whether there is any cache of the guest dimension, of the host's, and a nested TLB.
  let hasGuest, hasHost, hasNested: Bool

  /// Lays out the walk caches of a geometry.
  init(_ geometry: TLBGeometry) {
    let caches = geometry.walkCaches
    let sizes = (2...5).map { caches.guest(level: $0) } + (2...5).map { caches.host(level: $0) } + [caches.ntlb]
    let present = sizes.indices.filter { sizes[$0] != nil }
    var laid: [(Int, WayTable)] = []
    memory = WayMemory(sizes.compactMap { $0 }, policy: geometry.policy) { laid.append((present[$0], $1)) }
    tables = Column(count: 9, repeating: memory.none)
    for (index, table) in laid { tables[index] = table }
    hasGuest = sizes[..<4].contains { $0 != nil }
    hasHost = sizes[4..<8].contains { $0 != nil }
    hasNested = caches.ntlb != nil
  }

  /// The bits of an address that choose the entry of a table of level `below + 2`, and those above.
  static func prefix(_ address: UInt64, below: Int) -> UInt64 { address >> UInt64(21 + 9 * below) }
}
