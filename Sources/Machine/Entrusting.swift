public import Addressing
internal import Columns
internal import FrameAllocation
internal import PageContents
internal import PageTables
public import PageSharing
internal import Translation

/// Pages that a sharer stores in a form of its own: they have no frame, and their keeper gives their bytes back at the next access.
extension Host {
  /// Takes a private page whose bytes the keeper has: its frame comes free. The keeper is asked for them at once, and they are compared:
  /// what it could not give back is not taken.
  public func entrust(_ page: PageOrdinal, to keeper: any PageKeeper) -> Bool {
    guard let (vm, frame, leaf) = privateLeaf(of: page) else { return false }
    keeper.read(page, into: pageBuffer)
    guard contents.holds(pageBuffer, leaf.frame) else { return false }
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    entrustedContents[page.index] = contents.content(of: leaf.frame)?.rawValue ?? 0
    vm.replace(leaf, of: frame, by: .entrusted(keeper: number(of: keeper)))
    vm.entrustedPages += 1
    events.entrusted += 1
    return true
  }

  /// The number of a keeper, which it gets when it is first given a page. There are as many as there are sharers: one.
  private func number(of keeper: any PageKeeper) -> UInt64 {
    if let known = keepers.firstIndex(where: { $0 === keeper }) { return UInt64(known) }
    keepers.append(keeper)
    return UInt64(keepers.count - 1)
  }

  /// Keeps a stable frame from coming free though no page map it.
  public func hold(_ stable: HostFrame) -> Bool {
    guard isStable(stable) else { return false }
    frames.hold(stable)
    holds[stable, default: 0] += 1
    return true
  }

  /// Ends one hold of a frame; the last reference to it frees it. Frames that are not held are left alone.
  public func release(_ stable: HostFrame) {
    guard let count = holds[stable] else { return }
    holds[stable] = count > 1 ? count - 1 : nil
    if frames.dropHold(stable) == 0 { giveBackStable(stable) }
  }

  /// Gives back a stable frame that nobody refers to any more.
  func giveBackStable(_ frame: HostFrame) {
    stableFrames -= 1
    stableLosses += 1
    giveBack(frame)
  }
}

extension VirtualMachine {
  /// An access to a page that a keeper has: it comes back in a fresh frame.
  func takeBack(_ frame: GuestFrame, _ keeper: UInt64, _ kind: AccessKind) -> HostFrame? {
    guard let fresh = host.allocateGuestFrame(for: self) else { return nil }
    let ordinal = page(of: frame)
    let keeper = host.keepers[Int(keeper)]
    keeper.read(ordinal, into: host.pageBuffer)
    // Bytes that a descriptor gave are held as the descriptor again: the laboratory's memory is saved, and nobody can tell.
    host.contents.setBytes(host.pageBuffer, of: fresh, guess: PageContent(rawValue: host.entrustedContents[ordinal.index]))
    setExistingLeaf(.page(fresh, writable: true).used(kind), of: frame)
    host.frames.link(ordinal, to: fresh)
    privateFrames += 1
    entrustedPages -= 1
    host.events.takenBack += 1
    keeper.forget(ordinal)
    return fresh
  }
}
