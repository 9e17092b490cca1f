internal import Addressing
internal import Columns

/// One page: its class, and what is tried with it.
extension DifferenceEngine {
  private static var bytesPerPage: UInt64 { PageSize.size4K.bytes }

  /// Visits a page.
  /// - Returns: whether there was something to look at.
  func visit(_ index: Int, _ done: inout ScanWork) -> Bool {
    let page = PageOrdinal(UInt32(truncatingIfNeeded: index))
    switch memory.backing(of: page) {
    case .absent, .zeroFrame:
      drop(index)
      return false
    case .stable(let frame):
      done.visits += 1
      beginItem(index)
      let known = nodes.node(ofPage: index)
      if known == 0 || nodes.node(ofFrame: frame.index) != known { standAtStable(frame, index, &done) }
    case .private(let frame):
      done.visits += 1
      let isQuiet = age(page, frame, &done)
      let age = marks[index] & Self.ageMask
      guard isQuiet else {
        nodes.leave(index)
        return true
      }
      if share(page, frame, &done) || age > settings.compressAfter { return true }
      store(page, frame, age: age, &done)
    }
    return true
  }

  /// Notes whether the page was accessed and modified since its last visit.
  /// - Returns: whether it was not modified.
  private func age(_ page: PageOrdinal, _ frame: HostFrame, _ done: inout ScanWork) -> Bool {
    let mark = marks[page.index]
    let accessed = memory.testAndClearAccessed(page)
    var isModified = false
    if mark == 0 || mark & Self.wasModified != 0 || accessed != false {
      let checksum = memory.ksmChecksum(of: frame)
      done.bytesHashed += Self.bytesPerPage
      isModified = mark == 0 || checksums[page.index] != checksum
      checksums[page.index] = checksum
    }
    beginItem(page.index)
    let wasUsed = isModified || (accessed ?? false)
    let age = wasUsed ? 0 : min((mark & Self.ageMask) + 1, Self.ageMask)
    marks[page.index] = Self.hasItem | (isModified ? Self.wasModified : 0) | age
    return !isModified
  }

  // MARK: Sharing

  /// Shares a page that was not modified with an equal one, or lets it wait for one.
  /// - Returns: whether it is shared now.
  private func share(_ page: PageOrdinal, _ frame: HostFrame, _ done: inout ScanWork) -> Bool {
    let waiting = nodes.node(ofPage: page.index)
    // It has not changed since it began to wait: whoever is equal comes upon it.
    if waiting != 0, nodes.owner(of: waiting) == page, nodes.node(ofFrame: frame.index) == waiting { return false }
    nodes.leave(page.index)
    let hash = CandidateNodes.hash(of: frame, in: memory, &done)
    let node = nodes.match(frame, hash, in: memory, &done) { _ in true }
    if let node, nodes.merge(page, into: node, in: memory, &done) { return true }
    nodes.insert(page.index, frame: frame.index, hash: hash, isOwner: true)
    return false
  }

  /// A page that maps a stable frame, by whose word ever, stands at the frame's node.
  private func standAtStable(_ frame: HostFrame, _ index: Int, _ done: inout ScanWork) {
    nodes.leave(index)
    marks[index] = Self.hasItem
    let node = nodes.node(ofFrame: frame.index)
    if node != 0 && nodes.owner(of: node) == nil {
      nodes.join(index, to: node)
    } else {
      nodes.insert(index, frame: frame.index, hash: CandidateNodes.hash(of: frame, in: memory, &done), isOwner: false)
    }
  }

  // MARK: Storing

  /// Patches a page that is idle or, if it is so for long, compresses it; failing that, it may be the reference of others.
  private func store(_ page: PageOrdinal, _ frame: HostFrame, age: UInt8, _ done: inout ScanWork) {
    unsafe memory.withBytes(of: frame) { unsafe pageBytes.copy(from: $0) }
    detector.look(at: pageBytes)
    done.bytesHashed += detector.bytesPerPage
    if age >= settings.patchAfter && patch(page, &done) { return }
    if age == settings.compressAfter && compress(page, &done) { return }
    detector.remember(page) { [self] in referenceFrame($0) != nil }
  }

  /// The frame of a page that others can refer to: it was not modified at its last visit, or is shared.
  private func referenceFrame(_ page: PageOrdinal) -> HostFrame? {
    switch memory.backing(of: page) {
    case .stable(let frame): frame
    case .private(let frame): marks[page.index] & (Self.hasItem | Self.wasModified) == Self.hasItem ? frame : nil
    case .absent, .zeroFrame: nil
    }
  }

  /// Stores the page as the smallest of its patches, if one is small enough.
  private func patch(_ page: PageOrdinal, _ done: inout ScanWork) -> Bool {
    var best: (delta: [UInt8], reference: PageOrdinal)?
    detector.forEachCandidate { candidate in
      guard candidate != page, let frame = referenceFrame(candidate) else { return }
      unsafe memory.withBytes(of: frame) { unsafe referenceBytes.copy(from: $0) }
      done.bytesEncoded += 2 * Self.bytesPerPage
      let limit = best.map { $0.delta.count - 1 } ?? settings.patchLimit
      if let delta = PageDelta.encode(pageBytes, against: referenceBytes, limit: limit, scratch: deltas) { best = (delta, candidate) }
    }
    guard let best, let reference = holdReference(best.reference, &done) else { return false }
    return entrust(page, best.delta, reference: reference)
  }

  /// Makes a page's frame a stable one if it is not, and holds it.
  private func holdReference(_ page: PageOrdinal, _ done: inout ScanWork) -> HostFrame? {
    if case .stable(let frame) = memory.backing(of: page) { return memory.hold(frame) ? frame : nil }
    guard let frame = memory.makeStable(page) else { return nil }
    guard memory.hold(frame) else {
      memory.unshare(page)
      return nil
    }
    let node = nodes.node(ofPage: page.index)
    if node != 0, nodes.owner(of: node) == page, nodes.node(ofFrame: frame.index) == node {
      nodes.clearOwner(of: node)
    } else {
      standAtStable(frame, page.index, &done)
    }
    return frame
  }

  private func compress(_ page: PageOrdinal, _ done: inout ScanWork) -> Bool {
    done.bytesEncoded += Self.bytesPerPage
    guard let bytes = compressor.compress(pageBytes) else { return false }
    return entrust(page, bytes, reference: nil)
  }

  /// Stores a page and lets the memory take it; forgets it if the memory does not.
  private func entrust(_ page: PageOrdinal, _ bytes: [UInt8], reference: HostFrame?) -> Bool {
    stored.store(bytes, page, reference: reference)
    guard memory.entrust(page, to: stored) else {
      stored.forget(page)
      return false
    }
    drop(page.index)
    return true
  }
}
