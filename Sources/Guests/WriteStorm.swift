internal import Addressing
internal import Columns
internal import Machine
internal import PageContents
internal import PageTables

/// A guest that writes to all its memory at once: the moment at which every page that it shares must be copied.
struct WriteStorm {
  let spec: WriteStormSpec
  let vm: VirtualMachine
  /// The guest's own contents, whose number tells its writes from those of others.
  let own: ContentSpace

  /// Writes to a share of the pages that are backed or on the swap device, evenly spread, in order of address.
  ///
  /// Pages of real bytes are left out: they are page tables and queues, which no program writes to, or were.
  /// - Parameters:
  ///   - frames: the pages that count.
  ///   - reserved: those among them that must not change: tables and queues.
  ///   - unique: where contents for pages of one repeated byte, zeros above all, come from.
  ///   - written: told each page whose content changed.
  func strike(
    _ frames: Range<GuestFrame>, sparing reserved: Set<GuestFrame>, _ unique: inout UniqueContents, written: (GuestFrame) -> Void = { _ in }
  ) {
    var targets: [GuestFrame] = []
    vm.map.forEachLeaf(in: frames) { frame, leaf in
      guard !reserved.contains(frame) else { return }
      if leaf.isPresent || leaf.absence != .ballooned { targets.append(frame) }
    }
    for (index, frame) in targets.enumerated() where Self.isChosen(index, percent: spec.pagesPercent) {
      guard vm.isRunning else { return }
      guard let content = vm.content(of: frame) else { continue }
      let next = spec.bytes == .same ? content : after(content, frame, &unique)
      guard vm.fill(frame, with: next) else { return }
      if next != content { written(frame) }
    }
  }

  /// Whether a page is among a share of all, evenly spread.
  static func isChosen(_ index: Int, percent: Int) -> Bool { (index + 1) * percent / 100 > index * percent / 100 }

  /// What a page holds after the write: a variant of what it held. The 20 bits that choose it come from guest and page, so that the copies
  /// of one content are different afterwards but for one pair in a million.
  private func after(_ content: PageContent, _ frame: GuestFrame, _ unique: inout UniqueContents) -> PageContent {
    guard let seed = content.seed else { return unique.take() }
    let place = SplitMix64.mix(own.number << 40 ^ frame.rawValue) & 0xf_ffff
    return .synthetic(seed: seed, variant: content.variant ^ max(1, place))
  }
}
