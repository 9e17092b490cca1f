public import Addressing

/// Visits, collisions, and filing the stable set anew. Generic and inlinable, so that a machine gets a scanner compiled for its own memory.
extension UKSMScanner {
  @inlinable func visit(_ page: PageOrdinal, _ result: inout BatchResult) {
    if state.wasPlaced(page.index) && memory.backing(of: page) != .zeroFrame { zeroPageLeft(page) }
    switch index.settle(page, in: memory) {
    case .nothing: return
    case .shared: result.pagesScanned += 1
    case .single(let frame, let wasSharer):
      result.pagesScanned += 1
      if wasSharer { state.ladder.noteBreak(of: page.index) }
      index.forget(page.index)
      let key = sampledKey(of: frame, &result.work)
      state.gain()
      if key == 0 && placeZero(page, &result) { return }
      share(page, frame, key, &result.work)
    }
  }

  @inlinable func sampledKey(of frame: HostFrame, _ work: inout ScanWork) -> UInt32 {
    work.bytesHashed += UInt64(state.words) * 4
    return unsafe memory.withBytes(of: frame) { unsafe state.key(of: $0) }
  }

  @inlinable func secondKey(_ key: UInt32, of frame: HostFrame, _ work: inout ScanWork) -> UInt32 {
    work.bytesHashed += PageSize.size4K.bytes
    state.wasteHash()
    return state.secondKey(key, memory.indexHash(of: frame))
  }

  /// Maps a page with the sampled hash of zeros to the zero page, if it holds nothing else.
  @inlinable func placeZero(_ page: PageOrdinal, _ result: inout BatchResult) -> Bool {
    guard memory.placeZeroPage(at: page) else {
      state.wasteHalfComparison()
      return false
    }
    result.work.bytesCompared += PageSize.size4K.bytes
    result.work.merges += 1
    result.zeroPagesPlaced += 1
    state.place(page.index)
    state.ladder.noteMerge(of: page.index, with: nil)
    return true
  }

  /// Looks for a partner under the page's key, or lets it wait for one.
  @inlinable func share(_ page: PageOrdinal, _ frame: HostFrame, _ key: UInt32, _ work: inout ScanWork) {
    if !state.isCollided(key) {
      switch search(page, frame, key, isSecond: false, &work) {
      case .decided: return
      case .nothing: return index.wait(page.index, key: key)
      case .collision: split(key, &work)
      }
    }
    let second = secondKey(key, of: frame, &work)
    if search(page, frame, second, isSecond: true, &work) == .nothing { index.wait(page.index, key: second) }
  }

  /// Searches the stable and the unstable set for a key, and merges with an equal page.
  @inlinable func search(
    _ page: PageOrdinal, _ frame: HostFrame, _ key: UInt32, isSecond: Bool, _ work: inout ScanWork
  ) -> KeySearch {
    var probe = index.probe(key)
    while let node = index.nextCurrent(&probe, key: key, in: memory, &work) {
      if index.areEqual(frame, index.frame(of: node), in: memory, &work) {
        if index.join(page, node, in: memory, &work) { state.ladder.noteMerge(of: page.index, with: nil) }
        return .decided
      }
      state.wasteComparison()
      if !isSecond { return .collision }
    }
    probe = index.probeWaiting(key)
    while let other = index.nextWaiting(&probe) {
      work.searchSteps += 1
      if case .private(let otherFrame) = memory.backing(of: other) {
        if index.areEqual(frame, otherFrame, in: memory, &work) {
          if index.meet(page, other, key: key, in: memory, &work) { state.ladder.noteMerge(of: page.index, with: other.index) }
          return .decided
        }
        if isSecond || sampledKey(of: otherFrame, &work) == key {
          state.wasteComparison()
          if isSecond { continue }
          return .collision
        }
      }
      // It waited under a hash that it no longer has.
      index.forget(other.index)
      probe = index.probeWaiting(key)
    }
    return .nothing
  }

  /// Files everything that stands under a key under second keys.
  @inlinable func split(_ key: UInt32, _ work: inout ScanWork) {
    state.markCollided(key)
    var probe = index.probe(key)
    while let node = index.nextCurrent(&probe, key: key, in: memory, &work) {
      index.move(node, to: secondKey(key, of: index.frame(of: node), &work))
      probe = index.probe(key)
    }
    probe = index.probeWaiting(key)
    while let other = index.nextWaiting(&probe) {
      index.forget(other.index)
      if case .private(let frame) = memory.backing(of: other) { index.wait(other.index, key: secondKey(key, of: frame, &work)) }
      probe = index.probeWaiting(key)
    }
  }

  /// Empties the unstable set and files the stable one by hashes of the present strength.
  @inlinable func fileAnew(_ work: inout ScanWork) {
    index.forgetAllWaiting(in: state.spaces)
    state.clearCollisions()
    for node in 1..<index.lastNode + 1 where index.isFiled(node) && !memory.isStable(index.frame(of: node)) { index.prune(node) }
    index.removeAllNodes()
    for node in 1..<index.lastNode + 1 where index.isFiled(node) {
      let frame = index.frame(of: node)
      let key = sampledKey(of: frame, &work)
      if !state.isCollided(key) {
        var probe = index.probe(key)
        if let other = index.nextCurrent(&probe, key: key, in: memory, &work),
          !index.areEqual(frame, index.frame(of: other), in: memory, &work)
        {
          split(key, &work)
        }
      }
      index.refile(node, key: state.isCollided(key) ? secondKey(key, of: frame, &work) : key)
    }
  }
}

/// How a search for a key ended.
@usableFromInline enum KeySearch {
  /// With an equal page: merged, or not to be merged now.
  case decided
  /// Nothing stands under the key that could be equal.
  case nothing
  /// Something else stands under a first key.
  case collision
}
