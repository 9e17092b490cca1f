public import Addressing
public import Columns
internal import FrameAllocation
internal import PageContents
internal import PageSharing
public import PageTables
internal import Translation

/// What became of a guest's access.
public enum AccessResult: Equatable, Sendable {
  /// It went ahead at this host address.
  case mapped(HostPhysicalAddress)
  /// The guest's own tables refuse it; its kernel must act.
  case guestFault
  /// The guest has no memory at that address, or it was stopped for want of the host's.
  case stopped
}

/// Where a stream of accesses stopped.
public enum StreamStop: Hashable, Sendable {
  /// All were made.
  case end
  /// At this index stands an event.
  case event(Int)
  /// The guest's own tables refuse the access at this index; its kernel must act, and the access be made again.
  case guestFault(Int, PageFaultErrorCode)
  /// No access may have the address at this index.
  case generalProtection(Int)
  /// The guest has no memory at that address, or it was stopped for want of the host's.
  case stopped(Int)
}

extension VirtualMachine {
  /// One access of a guest's program: translated, and retried for as long as the hypervisor has something to resolve.
  public func access(_ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege = .user) -> AccessResult {
    guard isRunning else { return .stopped }
    switch translator.translate(address, kind, privilege) {
    case .mapped(let host): return .mapped(host)
    case .guestFault, .generalProtection: return .guestFault
    case .violation(let violation): return access(address, kind, privilege, after: violation)
    }
  }

  /// Accesses of a guest's program, one after the other, until its kernel must act or the range ends: as `access`, but as fast as the translator goes.
  /// - Parameter records: accesses to canonical addresses, and events, at which it stops.
  public func access(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> StreamStop {
    guard isRunning else { return .stopped(range.lowerBound) }
    var next = range.lowerBound
    while true {
      switch translator.translate(records, in: next..<range.upperBound) {
      case .end: return .end
      case .event(let index): return .event(index)
      case .guestFault(let index, let code): return .guestFault(index, code)
      case .generalProtection(let index): return .generalProtection(index)
      case .violation(let index, let violation):
        let record = records[index]
        switch access(record.address, record.kind, record.privilege, after: violation) {
        case .mapped: next = index + 1
        // The guest's tables are looked at again from there, and say what is wrong.
        case .guestFault: next = index
        case .stopped: return .stopped(index)
        }
      }
    }
  }

  /// Resolves violations until the access goes ahead.
  ///
  /// A walk needs five pages at once: four tables and the page itself. Resolving one may reclaim another; so each that was resolved is
  /// pinned until the access is over. A page can then be met twice at most, as absent and as read-only.
  private func access(
    _ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege, after first: GuestViolation
  ) -> AccessResult {
    defer { pinned.removeAll(keepingCapacity: true) }
    var violation = first
    for _ in 0..<2 * 5 {
      guard resolve(violation.frame, violation.access) != nil else { return .stopped }
      pinned.append(violation.frame)
      switch translator.translate(address, kind, privilege) {
      case .mapped(let host): return .mapped(host)
      case .guestFault, .generalProtection: return .guestFault
      case .violation(let next): violation = next
      }
    }
    preconditionFailure("an access of \(name) at \(address) is never resolved")
  }

  /// Makes a guest frame ready for an access: backs it, reads it back from swap or its keeper, copies it out of a trap, or breaks its
  /// sharing. Its leaf is marked as used, since accesses that know the guest frame go on from here without a walk that would mark it.
  /// - Returns: the host frame; nil if the guest has no such memory or was stopped.
  func resolve(_ frame: GuestFrame, _ kind: AccessKind) -> HostFrame? {
    guard isRunning, contains(frame) else { return nil }
    let leaf = map.leaf(of: frame)
    if kind == .write, let dirtyLog { noteWrite(frame, leaf, in: dirtyLog) }
    if leaf.isPresent {
      if kind == .write && !leaf.isWritable { return breakSharing(frame, leaf) }
      map.markUsed(frame, leaf, isWrite: kind == .write)
      return leaf.frame
    }
    switch leaf.absence {
    case .swapped(let slot): return swapIn(frame, Int(slot), kind)
    case .ballooned:
      host.events.balloonedTouches += 1
      balloonedPages -= 1
      return populate(frame, kind)
    case .never: return populate(frame, kind)
    case .trapped: return springTrap(frame, leaf, kind)
    case .entrusted(let keeper): return takeBack(frame, keeper, kind)
    }
  }

  /// Backs a page that has nothing: a read gets the host's zero frame, as anonymous memory does in Linux, a write a frame of its own. A
  /// guest that knows its machine frames has none that it shares.
  private func populate(_ frame: GuestFrame, _ kind: AccessKind) -> HostFrame? {
    if kind != .write && allowsRemapping {
      guard setLeaf(.page(host.zeroFrame, writable: false).used(kind), of: frame) else { return nil }
      host.frames.link(page(of: frame), to: host.zeroFrame)
      zeroPages += 1
      return host.zeroFrame
    }
    if hugePages != .never, let fresh = populateHuge(around: frame) { return fresh }
    guard let fresh = host.allocateGuestFrame(for: self) else { return nil }
    guard setLeaf(.page(fresh, writable: true).used(kind), of: frame) else {
      host.giveBack(fresh)
      return nil
    }
    host.frames.link(page(of: frame), to: fresh)
    privateFrames += 1
    host.events.populated += 1
    return tellBacked(frame) ? fresh : nil
  }

  /// Copies a shared frame for this page alone. The last sharer copies too, as in Linux.
  private func breakSharing(_ frame: GuestFrame, _ leaf: EPTEntry) -> HostFrame? {
    guard let fresh = host.allocateGuestFrame(for: self) else { return nil }
    // The reclaim that the allocation may have done leaves shared frames alone, so the leaf still holds.
    host.contents.copy(leaf.frame, to: fresh)
    if leaf.frame == host.zeroFrame && !leaf.isZeroPlaced { host.events.populated += 1 } else { host.events.copiesOnWrite += 1 }
    replace(leaf, of: frame, by: .page(fresh, writable: true).used(.write))
    host.frames.link(page(of: frame), to: fresh)
    privateFrames += 1
    return fresh
  }

  /// Reads a page back from the swap device.
  private func swapIn(_ frame: GuestFrame, _ slot: Int, _ kind: AccessKind) -> HostFrame? {
    guard let fresh = host.allocateGuestFrame(for: self) else { return nil }
    host.contents.put(host.swap.take(from: slot), into: fresh)
    setExistingLeaf(.page(fresh, writable: true).used(kind), of: frame)
    host.frames.link(page(of: frame), to: fresh)
    privateFrames += 1
    swappedPages -= 1
    swapIns += 1
    host.events.swapIns += 1
    return fresh
  }

  /// Sets a leaf that may need tables of the map; stops a guest if not even those can be had.
  private func setLeaf(_ entry: EPTEntry, of frame: GuestFrame) -> Bool {
    while isRunning {
      if map.setLeaf(entry, of: frame) { return true }
      host.makeRoom()
    }
    return false
  }

  /// Sets a leaf whose tables exist; splits the huge mapping that the page may be part of.
  func setExistingLeaf(_ entry: EPTEntry, of frame: GuestFrame) {
    // One of 1 GiB splits into some of 2 MiB, and of these one again.
    while !map.setLeaf(entry, of: frame) { splitHuge(around: frame) }
  }

  /// Changes a leaf that has a frame in the one right order: map, translations, reverse map, frame.
  func replace(_ old: EPTEntry, of frame: GuestFrame, by entry: EPTEntry) {
    setExistingLeaf(entry, of: frame)
    translator.guestPhysicalMapChanged(frame, old: old)
    trappedPages += (entry.isTrapped ? 1 : 0) - (old.isTrapped ? 1 : 0)
    let use = host.frames[old.frame].use
    let remaining = host.frames.unlink(page(of: frame), from: old.frame)
    switch use {
    case .guestPage:
      privateFrames -= 1
      if remaining == 0 { host.giveBack(old.frame) }
    case .stable:
      stablePages -= 1
      if remaining == 0 { host.giveBackStable(old.frame) }
    case .zero:
      zeroPages -= 1
      if old.isZeroPlaced {
        placedZeroPages -= 1
        host.onZeroPageLost?(page(of: frame))
      }
    case .none, .table: preconditionFailure("a guest page maps a frame that is not for guests")
    }
  }
}

extension Host {
  /// Takes away whatever backs a guest frame, and notes why nothing does.
  func unback(_ frame: GuestFrame, of vm: VirtualMachine, leaving entry: EPTEntry) {
    let leaf = vm.map.leaf(of: frame)
    if leaf.hasFrame {
      vm.replace(leaf, of: frame, by: entry)
    } else if case .swapped(let slot) = leaf.absence {
      contents.drop(swap.take(from: Int(slot)))
      vm.swappedPages -= 1
      vm.setExistingLeaf(entry, of: frame)
      // A shadow keeps what it made from a table that is swapped out; now the table's content is gone.
      vm.translator.guestPhysicalMapChanged(frame, old: leaf)
    } else if case .entrusted(let keeper) = leaf.absence {
      vm.entrustedPages -= 1
      vm.setExistingLeaf(entry, of: frame)
      vm.translator.guestPhysicalMapChanged(frame, old: leaf)
      keepers[Int(keeper)].forget(vm.page(of: frame))
    } else if leaf.absence != entry.absence {
      vm.setExistingLeaf(entry, of: frame)
    }
    witness?.forget(vm.page(of: frame))
  }
}

extension EPTEntry {
  /// The leaf as an access of a kind leaves it.
  func used(_ kind: AccessKind) -> EPTEntry { with(kind == .write ? EPTEntry.accessed | EPTEntry.dirty : EPTEntry.accessed) }
}
