public import Addressing
internal import Columns
internal import PageContents

/// What a guest-physical access is for.
@frozen public enum GuestPhysicalPurpose: UInt8, Sendable {
  /// The translated access itself.
  case access
  /// An access to an entry of the guest's own tables. With A/D enabled a load counts as a write (Intel SDM 29.3.3.2).
  case guestTable
}

/// The masks of a format on a processor, so that a walk compares once a level.
@frozen @usableFromInline struct NestedMasks: Sendable {
  /// What an entry above level 1 has under `tableMask` if it plainly points to a table; all others are looked at more closely.
  @usableFromInline let tableMask, tableBits: UInt64
  /// The same for a leaf of level 1.
  @usableFromInline let leafMask, leafBits: UInt64
  /// The same for a leaf of level 2; a word that nothing can be where the processor accepts none.
  @usableFromInline let largeMask, largeBits: UInt64
  /// Bits whose complement gives a right.
  @usableFromInline let inverted: UInt64
  /// The memory types, one bit each, that no leaf may have.
  @usableFromInline let refusedTypes: UInt64
  /// Bit A.
  @usableFromInline let accessed: UInt64

  init(_ format: NestedFormat, _ controls: NestedControls) {
    let reserved = controls.reservedAddressBits
    accessed = format.accessed
    switch format {
    case .ept:
      (tableMask, tableBits) = (EPTEntry.read | 0xf8 | reserved, EPTEntry.read)
      (leafMask, leafBits) = (EPTEntry.read | reserved, EPTEntry.read)
      largeMask = controls.largePages ? EPTEntry.read | EPTEntry.large | reserved | 0x001f_f000 : 0
      largeBits = EPTEntry.read | EPTEntry.large
      inverted = 0
      refusedTypes = 0x8c
    case .npt:
      (tableMask, tableBits) = (X86Entry.present | X86Entry.pageSize | reserved, X86Entry.present)
      (leafMask, leafBits) = (X86Entry.present | reserved, X86Entry.present)
      (largeMask, largeBits) = (X86Entry.present | X86Entry.pageSize | reserved | 0x001f_e000, X86Entry.present | X86Entry.pageSize)
      inverted = X86Entry.noExecute
      refusedTypes = 0
    }
  }
}

extension GuestPhysicalMap {
  /// An access in the terms of the map's format and of the processor that walks it. Parameters as for `NestedAccess.ept`; those that the
  /// format or the processor does not know are passed over.
  public func access(
    _ kind: AccessKind, for purpose: GuestPhysicalPurpose = .access, setsAccessedDirty: Bool = true, isUserFetch: Bool = false,
    hasLinearAddress: Bool = true
  ) -> NestedAccess {
    guard format == .ept else { return .npt(kind, for: purpose) }
    return .ept(
      kind, for: purpose, setsAccessedDirty: setsAccessedDirty, isUserFetch: isUserFetch && controls.modeBasedExecute,
      hasLinearAddress: hasLinearAddress)
  }

  /// Walks the map as a processor does: one load a level, permissions ANDed, A set on every entry and D on the leaf of a write once
  /// the walk has passed. At each level an absent entry ends the walk before anything else in it matters, then a misconfigured one does;
  /// rights are compared at the leaf, so that a misconfiguration on the way beats a violation.
  ///
  /// - Parameters:
  ///   - access: of the map's format; see `access(_:for:setsAccessedDirty:isUserFetch:hasLinearAddress:)`.
  ///   - references: gains the number of loads made, 4 for a walk of four levels to a 4 KiB leaf, 3 to one of 2 MiB, 2 to one of 1 GiB.
  public func walk(_ address: GuestPhysicalAddress, _ access: NestedAccess, references: inout UInt64) -> NestedWalk {
    walk(address, access, from: root.address, level: levels, rights: ~0, references: &references)
  }

  /// The same from a table below the root, as a paging-structure cache remembers it.
  ///
  /// - Parameters:
  ///   - table: the table of `level` on the way to the address.
  ///   - rights: what `path.rights(level:)` was when a walk came to the table.
  public func walk(
    _ address: GuestPhysicalAddress, _ access: NestedAccess, from table: HostPhysicalAddress, level start: Int, rights: UInt64,
    references: inout UInt64
  ) -> NestedWalk {
    guard address.rawValue &>> addressBits == 0 else { return NestedWalk(.violation, word: access.code, level: 0) }
    var table = table.rawValue
    var all = rights
    var level = start
    var path = NestedPath()
    // Written out level by level: entries that plainly point to a table, as nearly all do, are passed with one comparison each.
    plain: do {
      if start == 5 {
        path.note(table, all, level: 5)
        guard pass(address, level: 5, &table, &all) else { break plain }
        level = 4
      }
      if start >= 4 {
        path.note(table, all, level: 4)
        guard pass(address, level: 4, &table, &all) else { break plain }
        level = 3
      }
      if start >= 3 {
        path.note(table, all, level: 3)
        guard pass(address, level: 3, &table, &all) else { break plain }
        level = 2
      }
      if start >= 2 {
        path.note(table, all, level: 2)
        let place = HostPhysicalAddress(table | (address.rawValue >> 21 & 511) << 3)
        let entry = contents.loadHeld(place)
        if entry & masks.largeMask == masks.largeBits && masks.refusedTypes &>> (entry >> 3 & 7) & 1 == 0 {
          lastPath[0] = path
          references &+= UInt64(truncatingIfNeeded: start &- 1)
          return finish(address, access, place, entry, all & (entry ^ masks.inverted), level: 2, from: start)
        }
        guard entry & masks.tableMask == masks.tableBits else { break plain }
        all &= entry ^ masks.inverted
        table = entry & EPTEntry.frameMask
        level = 1
      }
      path.note(table, all, level: 1)
      let place = HostPhysicalAddress(table | (address.rawValue >> 12 & 511) << 3)
      let entry = contents.loadHeld(place)
      guard entry & masks.leafMask == masks.leafBits, masks.refusedTypes &>> (entry >> 3 & 7) & 1 == 0 else { break plain }
      lastPath[0] = path
      references &+= UInt64(truncatingIfNeeded: start)
      return finish(address, access, place, entry, all & (entry ^ masks.inverted), level: 1, from: start)
    }
    lastPath[0] = path
    return walkOn(address, access, table, all, level: level, from: start, &references)
  }

  /// Passes an entry that plainly points to a table.
  @inline(__always) private func pass(
    _ address: GuestPhysicalAddress, level: UInt64, _ table: inout UInt64, _ all: inout UInt64
  ) -> Bool {
    let entry = contents.loadHeld(HostPhysicalAddress(table | (address.rawValue &>> (3 &+ 9 &* level) & 511) << 3))
    guard entry & masks.tableMask == masks.tableBits else { return false }
    all &= entry ^ masks.inverted
    table = entry & EPTEntry.frameMask
    return true
  }

  /// Walks on at an entry that is not plain: absent, large, without R, or refused.
  @inline(never) private func walkOn(
    _ address: GuestPhysicalAddress, _ access: NestedAccess, _ table: UInt64, _ all: UInt64, level: Int, from start: Int,
    _ references: inout UInt64
  ) -> NestedWalk {
    var (table, all, level) = (table, all, level)
    while true {
      lastPath[0].note(table, all, level: level)
      let place = X86Index.entryAddress(in: HostPhysicalAddress(table), of: address, level: level)
      let entry = contents.load(place)
      let kind = format.kind(of: entry, level: level, for: controls)
      if kind == .table {
        all &= entry ^ masks.inverted
        table = entry & EPTEntry.frameMask
        level -= 1
        continue
      }
      references &+= UInt64(start - level + 1)
      switch kind {
      case .leaf: return finish(address, access, place, entry, all & (entry ^ masks.inverted), level: level, from: start)
      case .refused where format == .ept: return NestedWalk(.misconfiguration, word: entry, level: level)
      // P and RSV.
      case .refused: return NestedWalk(.violation, word: access.code | 1 | 1 << 3, level: level)
      case .absent, .table: return NestedWalk(.violation, word: access.code, level: level)
      }
    }
  }

  /// Compares rights at a leaf, and marks it and the tables above.
  @inline(__always) private func finish(
    _ address: GuestPhysicalAddress, _ access: NestedAccess, _ place: HostPhysicalAddress, _ entry: UInt64, _ all: UInt64, level: Int,
    from start: Int
  ) -> NestedWalk {
    let rights = format == .ept ? all & rightsMask : 1 | all & X86Entry.writable | (all >> 63) << 2
    guard all & access.needed == access.needed else {
      return NestedWalk(.violation, word: access.refusal(rights, format), level: level, rights: rights)
    }
    var used = entry
    if access.marks & (~entry | ~all & masks.accessed) != 0 {
      used |= access.marks
      let isFirstWrite = used & ~entry & (masks.accessed << 1) != 0
      if isFirstWrite, let log = modificationLog, !log.log(address) { return NestedWalk(.logFull, word: 0, level: level) }
      if used != entry { contents.store(used, place) }
      if all & masks.accessed == 0 { markTablesAccessed(address, from: start, downTo: level) }
    }
    let inside = address.rawValue & (((1 as UInt64) &<< (3 &+ 9 &* UInt64(truncatingIfNeeded: level))) &- 1) & EPTEntry.frameMask
    let leaf = format == .ept ? used : format.leaf(used).rawValue
    return NestedWalk(.mapped, word: leaf | inside, level: level, rights: rights)
  }

  /// Sets A in the entries above a leaf. A paging-structure cache holds only tables whose entries have it, and so a walk that begins at one
  /// of them has not to look above.
  private func markTablesAccessed(_ address: GuestPhysicalAddress, from start: Int, downTo leafLevel: Int) {
    for level in stride(from: start, to: leafLevel, by: -1) {
      let place = X86Index.entryAddress(in: lastPath[0].table(level: level), of: address, level: level)
      let entry = contents.load(place)
      if entry & masks.accessed == 0 { contents.store(entry | masks.accessed, place) }
    }
    lastPath[0].addRights(masks.accessed)
  }
}
