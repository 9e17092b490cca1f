public import Addressing
internal import Columns

/// Where a walk may start: below the tables that a walk cache spared it.
@frozen public struct WalkStart: Hashable, Sendable, BitwiseCopyable {
  /// The level of the table to go on with, 1 to 4; 0 where nothing was found and the walk starts at the root.
  public let level: Int
  /// The table's address in bits 51:12, the rights elsewhere.
  @usableFromInline let word: UInt64

  @inlinable init(level: Int, word: UInt64) {
    self.level = level
    self.word = word
  }

  /// Nothing was found.
  @inlinable public static var root: WalkStart { WalkStart(level: 0, word: 0) }
  /// The address of the table.
  @inlinable public var table: HostPhysicalAddress { HostPhysicalAddress(word & TLBEntry.frameMask) }
  /// The AND of the rights of the entries above, in the bits in which they were inserted.
  @inlinable public var rights: UInt64 { word & ~TLBEntry.frameMask }
}

/// # Paging-structure caches and nested TLB (Intel SDM 4.10.3, 28.3)
///
/// A paging-structure cache holds, for an entry of a table of one level (a PDE, say), where the next table is and what all entries down to
/// there allow, found by the address bits that chose the entry. The deepest one that answers spares a walk the most references. The
/// nested TLB holds where a page of guest-physical memory is, so that neither a guest's table nor its target need be walked for.
extension TLBHierarchy {
  // MARK: The guest's tables

  /// The deepest place from which a walk of a space's tables for an address may go on.
  public func lookupWalk(_ space: TLBSpace, _ address: GuestVirtualAddress) -> WalkStart {
    let context = records[space.index].walkContext
    return context == 0 ? .root : deepest(address.rawValue, context, 0)
  }

  /// Notes what the entry of a table of level `level + 1` led to.
  /// - Parameters:
  ///   - level: the level of the table that it points to, 1 to 4.
  ///   - table: where that table is in the host's memory.
  ///   - rights: what the entries down to there allow; bits 51:12 are not kept.
  public func insertWalk(_ space: TLBSpace, _ address: GuestVirtualAddress, level: Int, table: HostPhysicalAddress, rights: UInt64) {
    guard walkTables.hasGuest, space.index != 0 else { return }
    if records[space.index].walkContext == 0 { records[space.index].walkContext = newWalkContext() }
    note(address.rawValue, records[space.index].walkContext, level, 0, table, rights)
  }

  // MARK: The host's tables

  /// The deepest place from which a walk of a space's EPT tables for a guest-physical address may go on.
  public func lookupHostWalk(_ space: TLBSpace, _ address: GuestPhysicalAddress) -> WalkStart {
    let context = records[space.index].hostContext
    return context == 0 ? .root : deepest(address.rawValue, context, 4)
  }

  /// Notes what the entry of an EPT table of level `level + 1` led to; as `insertWalk`.
  public func insertHostWalk(_ space: TLBSpace, _ address: GuestPhysicalAddress, level: Int, table: HostPhysicalAddress, rights: UInt64) {
    guard walkTables.hasHost, let context = hostContext(space, kinds: 0) else { return }
    note(address.rawValue, context, level, 4, table, rights)
  }

  /// What the nested TLB knows of a guest-physical address; level 0 where it is nothing that the check passes, else 1.
  public func lookupNested(_ space: TLBSpace, _ address: GuestPhysicalAddress, _ check: AccessCheck) -> TLBHit {
    let record = records[space.index]
    let table = walkTables.tables[WalkTables.nested]
    for code in 0..<3 as Range<UInt64> where record.hostKinds >> code & 1 != 0 {
      let page = address.rawValue >> (12 &+ 9 &* code)
      let tag = page << WalkTables.contextBits | record.hostContext | code
      let word = walkTables.memory.use(tag, table, page, check)
      if word != 0 { return TLBHit(entry: TLBEntry(rawValue: word), level: 1) }
    }
    return .miss
  }

  /// Notes in the nested TLB where a guest-physical page is.
  public func insertNested(_ space: TLBSpace, _ address: GuestPhysicalAddress, _ entry: TLBEntry) {
    guard walkTables.hasNested, let context = hostContext(space, kinds: 1 << entry.sizeCode) else { return }
    let page = address.rawValue >> (12 &+ 9 &* entry.sizeCode)
    let tag = page << WalkTables.contextBits | context | entry.sizeCode
    walkTables.memory.insert(tag, entry.rawValue, walkTables.tables[WalkTables.nested], page)
  }

  // MARK: Both

  /// The check of an entry that only leads on: what it allows, the walk ANDs.
  private static var anyRights: AccessCheck { AccessCheck(needed: 0) }

  private func deepest(_ address: UInt64, _ context: UInt64, _ dimension: Int) -> WalkStart {
    for below in 0..<4 {
      let table = walkTables.tables[dimension + below]
      if table.ways == 0 { continue }
      let prefix = WalkTables.prefix(address, below: below)
      let word = walkTables.memory.use(prefix << WalkTables.contextBits | context, table, prefix, Self.anyRights)
      if word != 0 { return WalkStart(level: below + 1, word: word) }
    }
    return .root
  }

  private func note(
    _ address: UInt64, _ context: UInt64, _ level: Int, _ dimension: Int, _ next: HostPhysicalAddress, _ rights: UInt64
  ) {
    precondition((1...4).contains(level), "the tables that walk caches point to have levels 1 to 4")
    let table = walkTables.tables[dimension + level - 1]
    let word = next.rawValue & TLBEntry.frameMask | rights & ~TLBEntry.frameMask
    // A table at address 0 that nothing may use: not worth a place, and 0 means that there is none.
    if table.ways == 0 || word == 0 { return }
    let prefix = WalkTables.prefix(address, below: level - 1)
    walkTables.memory.insert(prefix << WalkTables.contextBits | context, word, table, prefix)
  }

  /// The context of a space's EPT root, a new one if it had none, and notes sizes in the nested TLB; nil without EPT.
  private func hostContext(_ space: TLBSpace, kinds: UInt64) -> UInt64? {
    guard space.index != 0 else { return nil }
    let record = records[space.index]
    if record.hostContext != 0 && record.hostKinds & kinds == kinds { return record.hostContext }
    guard let root = registry.groups[record.group].root else { return nil }
    let context = record.hostContext != 0 ? record.hostContext : newWalkContext()
    for group in registry.roots[root].groups {
      for index in registry.groups[group].spaces {
        records[index].hostContext = context
        records[index].hostKinds |= kinds
      }
    }
    return context
  }
}
