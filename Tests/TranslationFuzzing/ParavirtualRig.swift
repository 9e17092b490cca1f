internal import Addressing
internal import PageContents
internal import PageTables
internal import Translation
internal import TranslationCaching

/// # Paravirtual rig: the same guest where its tables hold machine frames
///
/// What the others see as a store to a table is a hypercall here, and what it stores names a machine frame. So that everything else can be
/// compared word by word, the guest's kernel follows a discipline: the frames of `entryFrames` hold entries, with machine frames in them
/// whether or not they are tables at the moment, and words read from them are given back with guest frames; all other frames hold plain
/// words, none of which is a present entry, so that one that becomes a table is an empty one.
///
/// The hypervisor may refuse: an entry that gives the guest more than is its own, a frame that is a table of two levels, or writable and a
/// table. A step that is refused here is not carried out anywhere: the rig is asked first. That nothing is refused that should not be is
/// for other tests.
///
/// Frames are not swapped, shared or made to trap behind this guest's back; they are moved openly, and the kernel then rewrites the entries
/// that it keeps in frames that are no tables now. The balloon takes only frames that no entry names.
final class ParavirtualRig: FuzzRig {
  static let entryFrames = FuzzGenerator.roots.lowerBound..<FuzzGenerator.tables.upperBound

  private var hypercalls: any ParavirtualPaging {
    guard let paravirtual else { preconditionFailure("a rig of direct paging") }
    return paravirtual
  }

  /// Whether a frame is a table now.
  func isTable(_ frame: GuestFrame) -> Bool { hypercalls.use(of: frame).type.level != nil }

  // MARK: Words

  /// What stands for a word in a frame: in an entry of the guest's memory the machine frame. Nil for an entry that names a frame beyond it,
  /// or that would stand in a frame of plain words.
  private func encoded(_ value: UInt64, in frame: GuestFrame) -> UInt64? {
    let entry = X86Entry(rawValue: value)
    guard entry.isPresent else { return value }
    guard Self.entryFrames ~= frame.index, entry.guestFrame.rawValue < UInt64(Self.guestFrames) else { return nil }
    return machineWord(value)
  }

  /// A present entry with its guest frame replaced by the machine frame; bits that name no frame of the guest's stay.
  func machineWord(_ value: UInt64) -> UInt64 {
    guard X86Entry(rawValue: value).isPresent else { return value }
    let mask = UInt64(Self.guestFrames - 1) << 12
    let frame = GuestFrame((value & mask) >> 12)
    back(frame)
    return value & ~mask | hostFrame(frame).address.rawValue
  }

  private func decoded(_ word: UInt64, in frame: GuestFrame) -> UInt64 {
    guard Self.entryFrames ~= frame.index, X86Entry(rawValue: word).isPresent else { return word }
    // The host's frames have numbers below 2^13; bits above are the entry's own.
    let mask = 0x1fff << 12 as UInt64
    guard let owner = hypercalls.guestFrame(of: HostFrame((word & mask) >> 12)) else { return word }
    return word & ~mask | owner.address.rawValue
  }

  override public func load(_ address: GuestPhysicalAddress) -> UInt64 { decoded(super.load(address), in: address.page) }

  // MARK: The hypervisor

  override func resolve(_ frame: GuestFrame, _ access: AccessKind) {
    // The guest's memory is its own: writable from the start.
    super.resolve(frame, .write)
    let isNoted = translator.guestPageBacked(frame)
    precondition(isNoted, "P2M and M2P have frames enough")
  }

  private func back(_ frame: GuestFrame) { if !map.leaf(of: frame).isPresent { resolve(frame, .write) } }

  override public func host(_ act: FuzzHostAct, _ frame: GuestFrame) -> Bool {
    switch act {
    case .swap, .share, .split: return !translator.allowsRemapping
    case .age: return super.host(act, frame)
    case .move:
      back(frame)
      let old = hostFrame(frame)
      move(frame)
      forEachEntry { entry, place in
        if entry.hostFrame == old {
          contents.store(entry.without(X86Entry.frameMask).with(hostFrame(frame).address.rawValue).rawValue, place)
        }
      }
      return true
    case .balloon:
      var isNamed = false
      let host = hostFrame(frame)
      forEachEntry { entry, _ in if entry.hostFrame == host { isNamed = true } }
      guard !isNamed, translator.allowsRelease(frame) else { return false }
      return super.host(act, frame)
    }
  }

  /// Calls `body` with the present entries that the kernel keeps in frames that are no tables now.
  private func forEachEntry(_ body: (X86Entry, HostPhysicalAddress) -> Void) {
    for frame in Self.entryFrames where map.leaf(of: GuestFrame(frame)).isPresent && !isTable(GuestFrame(frame)) {
      let host = hostFrame(GuestFrame(frame))
      if contents.content(of: host) == .zero { continue }
      for index in 0..<X86Index.entriesPerTable {
        let entry = X86Entry(rawValue: contents.loadWord(index, of: host))
        if entry.isPresent { body(entry, HostPhysicalAddress(host.address.rawValue + UInt64(index) * 8)) }
      }
    }
  }

  // MARK: The guest

  override func load(cr3 value: GuestPhysicalAddress) -> Bool {
    back(value.page)
    translator.loadCR3(value)
    guard hypercalls.rootTable == value.page else { return false }
    root = value.page
    return true
  }

  override public func store(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool {
    guard let word = encoded(value, in: address.page) else { return false }
    return store(word: word, address)
  }

  /// Stores a word as it is, by a hypercall where that needs one.
  func store(word: UInt64, _ address: GuestPhysicalAddress) -> Bool {
    back(address.page)
    let place = hostFrame(address.page).address(atOffsetOf: address)
    if isTable(address.page) { return hypercalls.update([.entry(place, word)]).isComplete }
    guard translator.allowsStore(address.page) else { return false }
    contents.store(word, place)
    return true
  }

  override func storeMapped(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool {
    guard let word = encoded(value, in: address.page) else { return false }
    return super.storeMapped(word, address)
  }

  override func replace(_ frame: GuestFrame, with source: GuestFrame) -> Bool {
    guard !isTable(frame), translator.allowsStore(frame) else { return false }
    back(frame)
    back(source)
    let places = (0..<UInt64(X86Index.entriesPerTable)).map { $0 * 8 }
    let words = places.map { encoded(load(source.address.advanced(by: $0)), in: frame) }
    guard words.allSatisfy({ $0 != nil }) else { return false }
    for (place, word) in zip(places, words) {
      if let word { contents.store(word, HostPhysicalAddress(hostFrame(frame).address.rawValue + place)) }
    }
    translator.guestPageReplaced(frame)
    return true
  }

  // MARK: Audits

  /// What is wrong with types and counts; nil where they are what the tables come to.
  func problem() -> String? {
    let frames = (0..<Self.guestFrames).map { map.leaf(of: GuestFrame($0)).isPresent ? hostFrame(GuestFrame($0)) : nil }
    let root = hypercalls.rootTable.map { (frame: $0, level: translator.controls.levels) }
    let census = DirectCensus(contents: contents, frames: frames, pins: [], root: root)
    if let problem = census.problems.first { return problem }
    for frame in 0..<Self.guestFrames {
      let (use, counted) = (hypercalls.use(of: GuestFrame(frame)), census.uses[frame])
      if use != counted { return "frame \(frame) is in use as \(use), its references come to \(counted)" }
      if hypercalls.machineFrame(of: GuestFrame(frame)) != frames[frame] { return "P2M is wrong about frame \(frame)" }
      if let host = frames[frame], hypercalls.guestFrame(of: host) != GuestFrame(frame) { return "M2P is wrong about frame \(host)" }
    }
    return nil
  }
}
