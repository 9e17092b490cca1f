public import Addressing
public import PageContents
public import PageTables

/// Walks tables as a processor without walk caches does, and writes down every reference.
///
/// Words come from a closure, so that the tables may lie in the laboratory's frames or in a recorded image. Nothing is written to them.
public struct WalkRecorder {
  /// The hypervisor's tables.
  public struct HostTables: Sendable {
    /// The top table.
    public var root: HostPhysicalAddress
    /// Levels: 4, or 5; down to 1, a flat table of 512 pages, for comparison.
    public var levels: Int
    /// Bit 6 of the EPTP: whether loads of guest tables count as writes (Intel SDM 29.3.3.2).
    public var setsAccessedDirty: Bool
    /// In whose words they lie.
    public var format: NestedFormat
    /// What the processor that walks them can do.
    public var controls: NestedControls

    /// Tables under a root.
    public init(
      root: HostPhysicalAddress, levels: Int = 4, setsAccessedDirty: Bool = true, format: NestedFormat = .ept,
      controls: NestedControls = NestedControls()
    ) {
      precondition((1...5).contains(levels), "EPT has at most five levels")
      self.root = root
      self.levels = levels
      self.setsAccessedDirty = setsAccessedDirty
      self.format = format
      self.controls = controls
    }

    /// An access in the terms of the format.
    func access(_ kind: AccessKind, isTable: Bool, isUserPage: Bool) -> NestedAccess {
      let purpose = isTable ? GuestPhysicalPurpose.guestTable : .access
      guard format == .ept else { return .npt(kind, for: purpose) }
      return .ept(
        kind, for: purpose, setsAccessedDirty: setsAccessedDirty,
        isUserFetch: controls.modeBasedExecute && isUserPage && kind == .fetch)
    }
  }

  /// The control bits of the processor.
  public var controls: X86Controls
  /// The host's tables; nil for a walk of one dimension.
  public var host: HostTables?
  private let word: (UInt64) -> UInt64?

  /// A recorder of walks of one dimension: a physical machine's, or a guest's in its own physical memory.
  /// - Parameter word: the little-endian word at a physical address; nil where there is no memory.
  public init(controls: X86Controls = X86Controls(), physical word: @escaping (GuestPhysicalAddress) -> UInt64?) {
    self.controls = controls
    host = nil
    self.word = { word(GuestPhysicalAddress($0)) }
  }

  /// A recorder of walks of two dimensions.
  /// - Parameter word: the little-endian word at a host-physical address; nil where there is no memory.
  public init(controls: X86Controls = X86Controls(), host: HostTables, word: @escaping (HostPhysicalAddress) -> UInt64?) {
    self.controls = controls
    self.host = host
    self.word = { word(HostPhysicalAddress($0)) }
  }

  /// A recorder of walks of a guest's tables over the map that the hypervisor keeps of its memory.
  public init(controls: X86Controls = X86Controls(), map: GuestPhysicalMap, contents: FrameContents, setsAccessedDirty: Bool = true) {
    let host = HostTables(
      root: map.root.address, levels: map.levels, setsAccessedDirty: setsAccessedDirty, format: map.format, controls: map.controls)
    self.init(controls: controls, host: host) { contents.word(at: $0.rawValue) }
  }

  /// A recorder of walks of tables that lie in the host's memory and hold its addresses: shadow tables, and those of direct paging.
  init(controls: X86Controls, machine contents: FrameContents) {
    self.init(controls: controls, physical: { contents.word(at: $0.rawValue) })
  }

  /// Walks from the root that `cr3` names; its bits 11:0 and those from bit 52 up are ignored.
  public func walk(
    _ address: GuestVirtualAddress, cr3: GuestPhysicalAddress, _ access: AccessKind = .read, _ privilege: Privilege = .supervisor
  ) -> WalkTranscript {
    let root = GuestPhysicalAddress(cr3.rawValue & X86Entry.frameMask)
    let start = X86Walk(address, root: root, levels: controls.levels, reserved: controls.reservedBits)
    return transcript(of: start, at: nil, root, access, privilege, after: [])
  }

  /// Walks on from a table of the guest's whose host address is known.
  /// - Parameters:
  ///   - start: the level of that table, and the rights above it.
  ///   - place: the table's host address.
  ///   - shadow: the shadow tables that were read before.
  func walk(
    on start: X86Walk<GuestPhysical>, at place: HostPhysicalAddress, root: GuestPhysicalAddress, _ access: AccessKind,
    _ privilege: Privilege, after shadow: [WalkStep]
  ) -> WalkTranscript { transcript(of: start, at: place, root, access, privilege, after: shadow) }

  private func transcript(
    of start: X86Walk<GuestPhysical>, at place: HostPhysicalAddress?, _ root: GuestPhysicalAddress, _ access: AccessKind,
    _ privilege: Privilege, after earlier: [WalkStep]
  ) -> WalkTranscript {
    let address = start.address
    var steps = earlier
    let outcome: WalkOutcome
    do throws(Ending) {
      outcome = .mapped(try guestWalk(start, at: place, access, privilege, &steps))
    } catch { outcome = error.outcome }
    return WalkTranscript(
      address: address, access: access, privilege: privilege, root: root, guestLevels: controls.levels, hostRoot: host?.root,
      hostLevels: host?.levels ?? 0, hostFormat: host?.format ?? .ept, modeBasedExecute: host?.controls.modeBasedExecute ?? false,
      steps: steps, outcome: outcome)
  }

  /// Why a walk stopped before the page.
  private struct Ending: Error { let outcome: WalkOutcome }

  private func guestWalk(
    _ start: X86Walk<GuestPhysical>, at known: HostPhysicalAddress?, _ access: AccessKind, _ privilege: Privilege, _ steps: inout [WalkStep]
  ) throws(Ending) -> WalkTarget {
    let address = start.address
    guard X86Index.isCanonical(address, levels: controls.levels) else { throw Ending(outcome: .notCanonical) }
    let tried = controls.tried(access, privilege)
    var walk = start
    var known = known
    while true {
      let (level, place) = (walk.level, walk.entryAddress)
      let isKnown = known != nil
      let there =
        if let table = known {
          X86Index.entryAddress(in: table, of: address, level: level)
        } else {
          try hostWalk(place, .read, isTable: true, isUserPage: false, guestLevel: level, &steps)?.address
        }
      known = nil
      let raw = try load(there?.rawValue ?? place.rawValue)
      let step = walk.step(X86Entry(rawValue: raw))
      var meaning: WalkStep.Meaning
      var refusal: PageFaultErrorCode?
      switch step {
      case .table: meaning = .table(at: walk.table.rawValue)
      case .notPresent: (meaning, refusal) = (.notPresent, walk.fault(step, tried))
      case .reserved: (meaning, refusal) = (.malformed, walk.fault(step, tried))
      case .leaf:
        meaning = .page(at: target(of: walk).rawValue, walk.pageSize)
        refusal = controls.refusal(of: access, privilege, rights: walk.leafRights)
        if refusal != nil { meaning = .refused }
      }
      steps.append(
        WalkStep(
          number: steps.count + 1, dimension: .guest, level: level, guestLevel: level, index: X86Index.index(of: address, level: level),
          guestAddress: isKnown ? nil : place, hostAddress: there, word: raw, meaning: meaning))
      if let refusal { throw Ending(outcome: .pageFault(refusal)) }
      guard step == .leaf else { continue }
      let page = target(of: walk)
      let end = try hostWalk(page, access, isTable: false, isUserPage: walk.rights.isUser, guestLevel: 0, &steps)
      return WalkTarget(
        guestAddress: page, guestPage: walk.pageSize, rights: walk.rights, hostAddress: end?.address, hostPage: end?.size)
    }
  }

  private func target(of walk: X86Walk<GuestPhysical>) -> GuestPhysicalAddress {
    GuestPhysicalAddress(walk.target.address.rawValue | walk.address.offset(in: .size4K))
  }

  /// Where a guest-physical address is in the host's memory; nil in a walk of one dimension.
  private func hostWalk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, isTable: Bool, isUserPage: Bool, guestLevel: Int, _ steps: inout [WalkStep]
  ) throws(Ending) -> (address: HostPhysicalAddress, size: PageSize)? {
    guard let host else { return nil }
    let asked = host.access(access, isTable: isTable, isUserPage: isUserPage)
    guard address.rawValue >> X86Index.shift(host.levels + 1) == 0 else { throw Ending(outcome: .violation(asked.code, address)) }
    // A right of AMD's that is the absence of a bit, XD, is turned round.
    let inverted = host.format == .ept ? 0 : X86Entry.noExecute
    var table = host.root
    var rights = ~0 as UInt64
    for level in stride(from: host.levels, through: 1, by: -1) {
      let place = X86Index.entryAddress(in: table, of: address, level: level)
      let word = try load(place.rawValue)
      let kind = host.format.kind(of: word, level: level, for: host.controls)
      rights &= word ^ inverted
      let frame = HostPhysicalAddress(word & EPTEntry.frameMask)
      let low = (1 << X86Index.shift(level)) - 1 as UInt64
      let page = HostPhysicalAddress(frame.rawValue & ~low | address.rawValue & low)
      let size = PageSize(leafLevel: level) ?? .size4K
      let outcome: WalkOutcome?
      let meaning: WalkStep.Meaning
      switch kind {
      case .absent: (meaning, outcome) = (.notPresent, .violation(asked.code, address))
      case .refused where host.format == .ept: (meaning, outcome) = (.malformed, .misconfiguration(address))
      // P and RSV.
      case .refused: (meaning, outcome) = (.malformed, .violation(asked.code | 1 | 1 << 3, address))
      case .table: (meaning, outcome) = (.table(at: frame.rawValue), nil)
      case .leaf where rights & asked.needed != asked.needed:
        let found = rights & host.controls.presentBits
        (meaning, outcome) = (.refused, .violation(asked.refusal(found, host.format), address))
      case .leaf: (meaning, outcome) = (.page(at: page.rawValue, size), nil)
      }
      steps.append(
        WalkStep(
          number: steps.count + 1, dimension: .host, level: level, guestLevel: guestLevel, index: X86Index.index(of: address, level: level),
          guestAddress: nil, hostAddress: place, word: word, meaning: meaning))
      if let outcome { throw Ending(outcome: outcome) }
      if kind == .leaf { return (page, size) }
      table = frame
    }
    preconditionFailure("an entry of level 1 is a leaf")
  }

  private func load(_ address: UInt64) throws(Ending) -> UInt64 {
    guard let word = word(address) else { throw Ending(outcome: .noMemory(at: address)) }
    return word
  }
}
