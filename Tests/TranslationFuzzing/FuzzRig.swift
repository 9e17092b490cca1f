public import Addressing
public import PageContents
public import PageTables
public import Translation
public import TranslationCaching

/// Frames for tables, freed ones filled with junk so that a use after free shows.
public final class JunkedFrames: TableFrameSource {
  private let contents: FrameContents
  private var free: [HostFrame]
  /// Frames given away.
  public private(set) var used = 0

  /// A number of frames from `first` on.
  public init(_ contents: FrameContents, first: Int, capacity: Int) {
    self.contents = contents
    free = (first..<(first + capacity)).reversed().map { HostFrame($0) }
  }

  /// A zeroed frame.
  public func allocateTableFrame() -> HostFrame? {
    guard let frame = free.popLast() else { return nil }
    used += 1
    contents.setContent(.zero, of: frame)
    return frame
  }

  /// Takes it back.
  public func freeTableFrame(_ frame: HostFrame) {
    used -= 1
    contents.setContent(.repeated(0xff), of: frame)
    free.append(frame)
  }
}

/// One guest on a host of its own, under one translator, with a hypervisor of the plainest kind: the host frame of a guest frame is a
/// function of its number and of how often it was moved, so that rigs under different translators can be compared frame by frame.
///
/// A frame that is left is filled with junk, so that whoever still reads it through a stale translation reads nonsense.
public class FuzzRig {
  /// The guest's memory in pages: 4 MiB.
  public static let guestFrames = 1024
  static let versions = 4
  static let tableFrames = 512

  /// What the rig is called in reports.
  public let name: String
  /// The host's memory.
  public let contents: FrameContents
  let frames: JunkedFrames
  let mapFrames: JunkedFrames
  /// The guest-physical map.
  public let map: GuestPhysicalMap
  /// The translator.
  public let translator: any Translator
  /// The hypercalls, under direct paging.
  let paravirtual: (any ParavirtualPaging)?
  /// Who compares accesses with the truth.
  public let detector = StaleTranslations()
  var root = GuestFrame(0)
  private var version = [Int](repeating: 0, count: guestFrames)

  /// A rig of one way of paging. VPIDs of rigs with one TLB differ.
  /// - Parameter wrap: what stands between the rig and the translator.
  public required init(
    _ way: FuzzWay, _ setup: FuzzSetup, tlb: TLBHierarchy, vpid: UInt16, wrap: (any Translator) -> any Translator
  ) throws {
    name = way.rawValue
    contents = FrameContents(frameCount: Self.tableFrames + Self.guestFrames * Self.versions, detachedCapacity: 8)
    // The root of a map is its tag in a TLB: rigs that share one have different roots, though each is a host of its own.
    mapFrames = JunkedFrames(contents, first: Int(vpid), capacity: 64)
    // Direct paging cannot do without P2M and M2P, which cover the whole of guest and host here.
    frames = JunkedFrames(contents, first: 64 + Int(vpid), capacity: way == .direct ? 16 : setup.shadowFrames)
    map = try GuestPhysicalMap(contents: contents, frames: mapFrames, levels: setup.mapLevels, format: way.format)
    for half in 0..<2 where way != .direct && setup.huge >> half & 1 == 1 {
      let first = GuestFrame(half * 512)
      _ = map.setLargeLeaf(.page(HostFrame(Self.tableFrames + half * 512), writable: true), of: first)
    }
    var options = way.options
    options.usesVPID = setup.usesVPID
    options.shadowPageLimit = setup.shadowPages
    // Without tags a hypervisor in an address space of its own drops everything at each exit too.
    options.monitor = setup.usesVPID ? .segmentLimits : .ownSpace
    var parts = TranslatorParts(
      contents: contents, map: map, tlb: tlb, vpid: VPID(vpid), frames: frames, guestPages: UInt64(Self.guestFrames))
    if setup.isWatched { parts.staleTranslations = detector }
    let translator = way.mode.makeTranslator(parts, options)
    paravirtual = translator.paravirtual
    self.translator = wrap(translator)
  }

  /// Where a guest frame is, if it is anywhere.
  public func hostFrame(_ frame: GuestFrame) -> HostFrame {
    HostFrame(Self.tableFrames + version[frame.index] * Self.guestFrames + frame.index)
  }

  /// The guest frame that a host frame belongs to; nil for one of tables.
  func guestFrame(_ frame: HostFrame) -> GuestFrame? {
    frame.index < Self.tableFrames ? nil : GuestFrame((frame.index - Self.tableFrames) % Self.guestFrames)
  }

  // MARK: The hypervisor

  /// Makes a guest frame present and, after a write, writable. What was taken away comes back with its content.
  func resolve(_ frame: GuestFrame, _ access: AccessKind) {
    let old = map.leaf(of: frame)
    let host = hostFrame(frame)
    if old.isPresent {
      set(old.with(access == .write ? EPTEntry.write : 0), of: frame)
    } else {
      if case .swapped = old.absence { contents.copy(stash(frame), to: host) } else { contents.setContent(.zero, of: host) }
      set(.page(host, writable: access == .write), of: frame)
    }
  }

  /// The frame that keeps the content of a guest frame that is swapped out.
  private func stash(_ frame: GuestFrame) -> HostFrame {
    HostFrame(Self.tableFrames + (version[frame.index] + 1) % Self.versions * Self.guestFrames + frame.index)
  }

  private func set(_ leaf: EPTEntry, of frame: GuestFrame) {
    split(frame)
    let isSet = map.setLeaf(leaf, of: frame)
    precondition(isSet, "the map has frames enough")
  }

  /// Splits the large leaf around a frame, if there is one.
  func split(_ frame: GuestFrame) {
    let old = map.leaf(of: frame)
    guard map.largeLeafSize(of: frame) != nil, map.splitLargeLeaf(around: frame) else { return }
    translator.guestPhysicalMapChanged(frame, old: old)
  }

  func change(_ frame: GuestFrame, to new: EPTEntry, leaving host: HostFrame?) {
    split(frame)
    let old = map.leaf(of: frame)
    set(new, of: frame)
    translator.guestPhysicalMapChanged(frame, old: old)
    if let host { contents.setContent(.repeated(0xff), of: host) }
  }

  func swapOut(_ frame: GuestFrame) {
    let host = hostFrame(frame)
    guard map.leaf(of: frame).isPresent else { return }
    contents.copy(host, to: stash(frame))
    change(frame, to: .swapped(slot: frame.rawValue), leaving: host)
  }

  /// What sharing does to a page that stays where it is.
  func protect(_ frame: GuestFrame) {
    let old = map.leaf(of: frame)
    if old.isPresent { change(frame, to: old.without(EPTEntry.write | EPTEntry.large), leaving: nil) }
  }

  /// Moves a guest frame to another host frame; one that is absent is brought in first, so that all rigs agree on where it is.
  func move(_ frame: GuestFrame) {
    if !map.leaf(of: frame).isPresent { resolve(frame, .read) }
    let (old, host) = (map.leaf(of: frame), hostFrame(frame))
    version[frame.index] = (version[frame.index] + 1) % Self.versions
    contents.copy(host, to: hostFrame(frame))
    change(frame, to: .page(hostFrame(frame), writable: old.isWritable), leaving: host)
  }

  /// Takes a frame whose content the guest has given up.
  func balloon(_ frame: GuestFrame) { change(frame, to: .ballooned, leaving: hostFrame(frame)) }

  /// Acts on a page behind the guest's back.
  /// - Returns: false where the way of paging forbids it; then nothing has happened.
  @discardableResult public func host(_ act: FuzzHostAct, _ frame: GuestFrame) -> Bool {
    switch act {
    case .swap: swapOut(frame)
    case .share: protect(frame)
    case .move: move(frame)
    case .balloon: balloon(frame)
    case .split: split(frame)
    case .age: _ = translator.testAndClearAccessed(frame)
    }
    return true
  }

  // MARK: The guest

  /// The guest loads CR3.
  /// - Returns: false where the hypervisor refuses it, as it may under direct paging alone; then nothing has happened. So with the others.
  func load(cr3 value: GuestPhysicalAddress) -> Bool {
    root = GuestFrame(value.page.rawValue & 0xf_ffff)
    translator.loadCR3(value)
    return true
  }

  /// A store to guest-physical memory that does not go through the guest's page tables.
  @discardableResult public func store(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool {
    if !map.leaf(of: address.page).isWritable { resolve(address.page, .write) }
    contents.store(value, hostFrame(address.page).address(atOffsetOf: address))
    // A processor's store would set D in the map.
    map.markUsed(address.page, map.leaf(of: address.page), isWrite: true)
    if translator.storeTraps(address.page) { translator.guestTableStored(at: address) }
    return true
  }

  /// The store of a write that the translator has let pass.
  func storeMapped(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool {
    contents.store(value, hostFrame(address.page).address(atOffsetOf: address))
    return true
  }

  /// A device replaces a page by a copy of another.
  func replace(_ frame: GuestFrame, with source: GuestFrame) -> Bool {
    if !map.leaf(of: source).isPresent { resolve(source, .read) }
    if !map.leaf(of: frame).isWritable { resolve(frame, .write) }
    contents.copy(hostFrame(source), to: hostFrame(frame))
    map.markUsed(frame, map.leaf(of: frame), isWrite: true)
    translator.guestPageReplaced(frame)
    return true
  }

  /// A word of guest-physical memory, wherever its content is.
  public func load(_ address: GuestPhysicalAddress) -> UInt64 {
    let leaf = map.leaf(of: address.page)
    let low = address.offset(in: .size4K)
    if leaf.isPresent { return contents.load(HostPhysicalAddress(hostFrame(address.page).address.rawValue | low)) }
    guard case .swapped = leaf.absence else { return 0 }
    return contents.load(HostPhysicalAddress(stash(address.page).address.rawValue | low))
  }

  /// An access through the translator, with violations resolved as they come; one outside of the guest's memory stays one.
  public func access(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome? {
    for _ in 0..<64 {
      let outcome = translator.translate(address, access, privilege)
      guard case .violation(let violation) = outcome else { return outcome }
      if violation.frame.rawValue >= UInt64(Self.guestFrames) { return outcome }
      if map.leaf(of: violation.frame).allows(violation.access) { return nil }
      resolve(violation.frame, violation.access)
    }
    return nil
  }
}
