internal import Addressing
internal import Columns

/// Where the walk caches lie among their ways.
struct WalkTables: ~Copyable {
  /// Bits of a context and a size in a tag; 40 bits remain for a prefix, which is a page number of at most 52 - 12 bits.
  static let contextBits: UInt64 = 24

  /// Guest dimension by level - 2 (PDE, PDPTE, PML4E, PML5E); host dimension from 4 on; the nested TLB last.
  let tables: Column<WayTable>
  let sets: WaySets
  /// Whether there is any cache of the guest dimension, of the host's, and a nested TLB.
  let hasGuest, hasHost, hasNested: Bool

  static let nested = 8

  /// The bits of an address that choose the entry of a table of level `below + 2`, and those above.
  @inline(__always) static func prefix(_ address: UInt64, below: Int) -> UInt64 { address >> UInt64(21 &+ 9 &* below) }

  /// Lays out the walk caches of a geometry.
  init(_ geometry: TLBGeometry) {
    var ways = 0
    var setCount = 0
    tables = Column(count: 9, repeating: .none)
    let caches = geometry.walkCaches
    for level in 2...5 {
      if let size = caches.guest(level: level) { tables[level - 2] = WayTable(size, &ways, &setCount) }
      if let size = caches.host(level: level) { tables[level + 2] = WayTable(size, &ways, &setCount) }
    }
    if let size = caches.ntlb { tables[WalkTables.nested] = WayTable(size, &ways, &setCount) }
    hasGuest = caches.pde != nil || caches.pdpte != nil || caches.pml4e != nil || caches.pml5e != nil
    hasHost = caches.epde != nil || caches.epdpte != nil || caches.epml4e != nil || caches.epml5e != nil
    hasNested = caches.ntlb != nil
    sets = WaySets(slots: ways, sets: setCount, policy: geometry.policy)
  }
}
