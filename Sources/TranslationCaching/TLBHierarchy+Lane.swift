public import Addressing
public import Columns

/// Look-ups of many accesses in a row, all of one space: what `lookup` and `insert` do, laid out for a loop.
///
/// The invariant: *a lane answers as `lookup` would, or leaves it to it.* It answers while the space has pages of 4 KiB and nothing else under
/// true LRU. What it answers itself is what costs most in a loop if it is not the fewest instructions: a hit in the two ways that
/// were used last, and a page that no way has. The latter spares the fill that follows the comparison of each tag.
extension TLBHierarchy {
  /// The lane of a space; of use as long as the hierarchy.
  @inlinable public func lane(_ space: TLBSpace) -> TLBLane {
    unsafe TLBLane(record: records.address(of: space.index), tables: laneTables.address(of: 0))
  }
}

/// One space, for a loop: see `TLBHierarchy.lane`.
@safe @frozen public struct TLBLane: BitwiseCopyable {
  // SAFETY: neither the record of a space nor the tables ever move, and the lane is not used longer than the hierarchy lives.
  @usableFromInline let record: UnsafePointer<SpaceRecord>
  /// The structures for 4 KiB: of the first level for data and for fetches, of the second for both.
  @usableFromInline let tables: UnsafePointer<WayTable>

  @inlinable init(record: UnsafePointer<SpaceRecord>, tables: UnsafePointer<WayTable>) {
    unsafe self.record = record
    unsafe self.tables = tables
  }

  /// Whether the space has pages of 4 KiB alone, some of which may be pieces of larger ones: only then a lane has anything to say.
  @inlinable @inline(__always) public var isPlain: Bool { unsafe record.pointee.kinds & ~Kinds.pieces == Kinds.small }

  /// Where the page of an address would be.
  @inlinable @inline(__always) public func place(of address: GuestVirtualAddress, isFetch: Bool) -> TLBPlace {
    let page = address.rawValue &>> 12
    return unsafe TLBPlace(page: page, tag: page &<< TLBHierarchy.contextBits | record.pointee.context, tables: tables + (isFetch ? 1 : 0))
  }
}

/// Where a page would be in a TLB of two levels.
@safe @frozen public struct TLBPlace: BitwiseCopyable {
  @usableFromInline let page: UInt64
  @usableFromInline let tag: UInt64
  @usableFromInline let near: WaySet
  // SAFETY: the structure of the first level for the kind of access, and two further on that of the second; both as in a lane.
  @usableFromInline let tables: UnsafePointer<WayTable>

  @inlinable @inline(__always) init(page: UInt64, tag: UInt64, tables: UnsafePointer<WayTable>) {
    self.page = page
    self.tag = tag
    near = unsafe tables[0].set(page)
    unsafe self.tables = tables
  }

  /// Found only where it is wanted: most accesses end before.
  @inlinable @inline(__always) var far: WaySet { unsafe tables[2].set(page) }

  /// Looks at the two ways of the first level that were used last; counts nothing.
  @inlinable @inline(__always) public func lookInFront(_ check: @autoclosure () -> AccessCheck) -> TLBFront {
    let first = near[0]
    if first.tag == tag { return check().passes(first.word) ? .hit : .refused }
    let second = near[1]
    if second.tag == tag {
      guard check().passes(second.word) else { return .refused }
      near[1] = first
      near[0] = second
      return .hit
    }
    return .elsewhere
  }

  /// Whether no way of either level has the page, which is not in front.
  @inlinable @inline(__always) public var isAbsentBehind: Bool { !near.has(tag, from: 2) && !far.has(tag, from: 0) }

  /// Looks behind those two; counts nothing.
  /// - Returns: the level that has the page with rights that pass a check, or 0.
  @inline(never) public func lookBehind(_ check: AccessCheck) -> Int {
    let place = near.position(of: tag, from: 2)
    if place >= 0 {
      let found = near[place]
      guard check.passes(found.word) else { return 0 }
      near.bringFirst(found, from: place)
      return 1
    }
    let farPlace = far.position(of: tag, from: 0)
    guard farPlace >= 0 else { return 0 }
    let found = far[farPlace]
    guard check.passes(found.word) else { return 0 }
    far.bringFirst(found, from: farPlace)
    near.push(found)
    return 2
  }

  /// Fills both levels with a plain page of 4 KiB that is absent.
  @inlinable @inline(__always) public func insertAbsent(_ entry: TLBEntry) {
    let way = Way(tag: tag, word: entry.rawValue)
    far.push(way)
    near.push(way)
  }
}

/// What the two ways of the first level that were used last say of a page.
@frozen public enum TLBFront: BitwiseCopyable {
  /// One has it, with rights that pass.
  case hit
  /// One has it, with other rights.
  case refused
  /// None has it.
  case elsewhere
}
