public import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TestSupport
public import Translation
internal import TranslationCaching

/// # Fuzz guest: a lawful kernel under every way of paging at once
///
/// It carries out the steps of a program in several rigs that differ in their translator only, and holds each access against a rule that knows
/// neither TLBs nor shadows: the guest's tables, read as words, walked and checked by `PermissionRule`. Outcome and error code, the host frame,
/// the word in it, and every entry's A and D bits afterwards must be the rule's.
///
/// The kernel invalidates whenever the architecture wants it (Intel SDM 4.10.4.2), so no stale answer is legal. That the invalidations
/// belong to the steps, and are worked out when a step is carried out, keeps a program lawful whatever a shrinker leaves out.
public final class FuzzGuest {
  /// Virtual addresses that are accessed: pages below two entries of each level.
  public static let addresses: [GuestVirtualAddress] = {
    var addresses: [GuestVirtualAddress] = []
    for top in [0, 511] as [UInt64] {
      for middle in 0..<4 as Range<UInt64> {
        for low in 0..<8 as Range<UInt64> {
          let raw = top << 39 | (middle >> 1) << 30 | (middle & 1) << 21 | low << 12
          addresses.append(GuestVirtualAddress(top == 511 ? raw | 0xffff << 48 : raw))
        }
      }
    }
    return addresses
  }()
  static let roots = 4

  let setup: FuzzSetup
  /// One rig for each way.
  public let rigs: [FuzzRig]
  private let tlb: TLBHierarchy
  private(set) var controls = X86Controls()
  private(set) var root = 0
  private var pcid = 0
  /// Of each PCID, the root that its translations were made from.
  private var rootOfPCID: [Int]
  /// Frames that a walk went through.
  private(set) var isTable = [Bool](repeating: false, count: FuzzRig.guestFrames)
  private var isInvalidationDue = false
  /// The access that the guest's tables refused last, for its page fault handler.
  var refused: (address: GuestVirtualAddress, kind: AccessKind, privilege: Privilege)?
  private(set) var failure: (way: String, text: String)?

  /// A guest with nothing mapped, in each way of paging of the setup.
  /// - Parameter wrap: what stands between a rig and its translator.
  public init(_ setup: FuzzSetup, wrap: (any Translator) -> any Translator = { $0 }) throws {
    self.setup = setup
    let tlb = TLBHierarchy(try TLBGeometry(parsing: setup.tlb))
    self.tlb = tlb
    rigs = try setup.ways.enumerated().map { try FuzzRig($1, setup, tlb: tlb, vpid: UInt16($0 + 1), wrap: wrap) }
    controls.levels = setup.levels
    controls.pcids = setup.pcids
    rootOfPCID = [Int](repeating: 0, count: 4)
    for root in 0..<Self.roots { isTable[root] = true }
    adoptControls()
    load(root: 0, pcid: 0, keep: false)
  }

  func fail(_ way: String, _ text: @autoclosure () -> String) {
    if failure == nil { failure = (way, text()) }
  }

  // MARK: Steps

  /// Carries a step out.
  func carryOut(_ step: FuzzStep) {
    refused = nil
    if case .store = step {} else { settle() }
    switch step {
    case .access(let kind, let privilege, let address): _ = access(address, kind, privilege)
    case .write(let privilege, let address, let value, let how): write(privilege, address, value, how)
    case .batch(let records): batch(records)
    case .store(let address, let value, let how):
      guard address.page.rawValue < UInt64(FuzzRig.guestFrames) else { return }
      let old = X86Entry(rawValue: rigs[0].load(address))
      let pages = pages(through: address, X86Entry(rawValue: value), old, how)
      for rig in rigs { rig.store(value, address) }
      if isTable[address.page.index] { invalidate(how, pages, old) }
    case .replace(let frame, let source):
      guard max(frame.index, source.index) < FuzzRig.guestFrames else { return }
      for rig in rigs { rig.replace(frame, with: source) }
      if isTable[frame.index] { dropEverything() }
    case .load(let root, let pcid, let keep): load(root: root, pcid: pcid, keep: keep)
    case .invlpg(let address): for rig in rigs { rig.translator.invalidatePage(address) }
    case .invpcid(let descriptor): for rig in rigs { rig.translator.invalidate(descriptor) }
    case .set(let control, let isOn): set(control, isOn)
    case .pkru(let value):
      controls.pkru = value
      adoptControls()
    case .worldSwitch: for rig in rigs { rig.translator.worldSwitch() }
    case .host(let act, let frame): if frame.index < FuzzRig.guestFrames { host(act, frame) }
    }
  }

  private func host(_ act: FuzzHostAct, _ frame: GuestFrame) {
    for rig in rigs { rig.host(act, frame) }
    // The guest gave the page up: nothing that went through it may be relied on.
    if act == .balloon && isTable[frame.index] { dropEverything() }
  }

  private func set(_ control: FuzzControl, _ isOn: Bool) {
    let hadNX = controls.noExecute
    switch control {
    case .wp: controls.writeProtect = isOn
    case .smep: controls.smep = isOn
    case .smap: controls.smap = isOn
    case .ac: controls.alignmentCheck = isOn
    case .pke: controls.protectionKeys = isOn
    case .pge: controls.globalPages = isOn
    case .nxe: controls.noExecute = isOn
    }
    adoptControls()
    if hadNX != controls.noExecute { dropEverything() }
  }

  private func adoptControls() { for rig in rigs { rig.translator.setControls(controls) } }

  private func load(root: Int, pcid: Int, keep: Bool) {
    let isOther = root != self.root
    let pcid = setup.pcids ? pcid : 0
    let keeps = setup.pcids && keep && rootOfPCID[pcid] == root
    self.root = root
    self.pcid = pcid
    rootOfPCID[pcid] = root
    let value = GuestFrame(UInt64(root)).address.rawValue | UInt64(pcid) | (keeps ? 1 << 63 : 0)
    for rig in rigs {
      rig.root = GuestFrame(UInt64(root))
      rig.translator.loadCR3(GuestPhysicalAddress(value))
    }
    // Global translations have to be the same in all address spaces; these roots share nothing.
    if isOther && setup.globals { dropEverything() }
  }

  // MARK: Invalidation

  private func dropEverything() { for rig in rigs { rig.translator.invalidate(.allWithGlobals) } }

  /// Makes stores count whose invalidation was put off.
  func settle() {
    guard isInvalidationDue else { return }
    isInvalidationDue = false
    dropEverything()
  }

  /// The pages whose walk goes through a word, under any root, if the invalidation asks for them; none for `lazy` where nothing is to be done.
  private func pages(
    through place: GuestPhysicalAddress, _ new: X86Entry, _ old: X86Entry, _ how: FuzzInvalidation
  ) -> [GuestVirtualAddress] {
    guard how == .pages || how == .lazy, isTable[place.page.index] else { return [] }
    let gains = X86Entry.writable | X86Entry.accessed | X86Entry.dirty
    let isGain =
      old.rawValue & ~new.rawValue & ~X86Entry.noExecute == 0 && new.rawValue & ~old.rawValue & ~gains == 0
    var pages: [GuestVirtualAddress] = []
    for address in Self.addresses {
      var isThrough = false
      for root in 0..<Self.roots {
        let path = FuzzPath(address, root: root, controls, rigs[0])
        for (depth, visited) in path.places.enumerated() where visited == place {
          if how == .pages || !isGain || controls.levels - depth > 1 { isThrough = true }
        }
      }
      if isThrough { pages.append(address) }
    }
    return pages
  }

  private func invalidate(_ how: FuzzInvalidation, _ pages: [GuestVirtualAddress], _ old: X86Entry) {
    guard old.isPresent else { return }
    switch how {
    case .everything: dropEverything()
    case .all where !setup.globals: for rig in rigs { rig.translator.invalidate(.all) }
    case .contexts where setup.pcids && !setup.globals:
      for pcid in 0..<4 as Range<UInt16> { for rig in rigs { rig.translator.invalidate(.context(PCID(pcid))) } }
    case .pages:
      for page in pages {
        for rig in rigs {
          rig.translator.invalidatePage(page)
          guard setup.pcids else { continue }
          for pcid in 0..<4 as Range<UInt16> { rig.translator.invalidate(.address(PCID(pcid), page)) }
        }
      }
    case .reload where !setup.pcids && !setup.globals: load(root: root, pcid: 0, keep: false)
    case .flip:
      controls.globalPages.toggle()
      adoptControls()
      controls.globalPages.toggle()
      adoptControls()
    case .lazy: if !pages.isEmpty { dropEverything() }
    case .later: isInvalidationDue = true
    case .all, .contexts, .reload: dropEverything()
    }
  }

  // MARK: Accesses

  private func write(_ privilege: Privilege, _ address: GuestVirtualAddress, _ value: UInt64, _ how: FuzzInvalidation) {
    guard let target = access(address, .write, privilege) else { return }
    let place = target.address(atOffsetOf: address)
    let old = X86Entry(rawValue: rigs[0].load(place))
    let pages = pages(through: place, X86Entry(rawValue: value), old, how)
    for rig in rigs { rig.contents.store(value, rig.hostFrame(target).address(atOffsetOf: address)) }
    if isTable[target.index] { invalidate(how, pages, old) }
  }

  private func batch(_ records: [AccessRecord]) {
    let column = Column<AccessRecord>(count: max(records.count, 1))
    for (index, record) in records.enumerated() {
      column[index] = record
      note(FuzzPath(record.address, root: root, controls, rigs[0]))
    }
    var first: BatchStop?
    for rig in rigs {
      let stop = stop(rig, column, records.count)
      if let first, stop != first { fail(rig.name, "the batch stops with \(stop), that of \(rigs[0].name) with \(first)") }
      first = first ?? stop
      checkDetector(rig)
    }
  }

  private func stop(_ rig: FuzzRig, _ records: borrowing Column<AccessRecord>, _ count: Int) -> BatchStop {
    var start = 0
    for _ in 0..<(64 * count + 1) {
      let stop = rig.translator.translate(records, in: start..<count)
      guard case .violation(let index, let violation) = stop else { return stop }
      let isOutside = violation.frame.rawValue >= UInt64(FuzzRig.guestFrames)
      if isOutside { return .generalProtection(-1 - index) }
      rig.resolve(violation.frame, violation.access)
      start = index
    }
    fail(rig.name, "a batch is refused for ever")
    return .end
  }

  private func note(_ path: FuzzPath) {
    for place in path.places { isTable[place.page.index] = true }
  }

  /// The same access everywhere, held against the rule.
  /// - Returns: the frame that it reached.
  private func access(_ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege) -> GuestFrame? {
    let path = FuzzPath(address, root: root, controls, rigs[0])
    note(path)
    var expected = path.words
    let code =
      path.isOutside || path.words.isEmpty
      ? nil : rule.access(&expected, kind: kind.rawValue, isUser: privilege == .user, levels: controls.levels)
    let target = path.target
    for rig in rigs {
      let outcome = rig.access(address, kind, privilege)
      if let wrong = difference(outcome, code, path, rig, address) {
        fail(rig.name, "\(kind) \(privilege) \(address) gives \(Self.text(outcome)), should be \(wrong)")
      }
      if !path.isOutside && target?.isOutside != true { compare(path, expected, rig, "\(kind) \(privilege) \(address)") }
      checkDetector(rig)
    }
    if code != nil { refused = (address, kind, privilege) }
    guard code == nil, let frame = target?.frame, failure == nil else { return nil }
    let place = { (rig: FuzzRig) in rig.contents.load(rig.hostFrame(frame).address(atOffsetOf: address)) }
    for rig in rigs where place(rig) != place(rigs[0]) { fail(rig.name, "another word than in \(rigs[0].name) at \(address)") }
    return frame
  }

  /// What an outcome should have been; nil where it is right.
  private func difference(
    _ outcome: TranslationOutcome?, _ code: UInt32?, _ path: FuzzPath, _ rig: FuzzRig, _ address: GuestVirtualAddress
  ) -> String? {
    if path.words.isEmpty && !path.isOutside { return outcome == .generalProtection ? nil : "a general-protection fault" }
    if let code {
      let right = TranslationOutcome.guestFault(PageFaultErrorCode(rawValue: code))
      return outcome == right ? nil : "a page fault with \(FuzzStep.hex(UInt64(code)))"
    }
    guard !path.isOutside, let frame = path.target?.frame else {
      if case .violation = outcome { return nil }
      return "a violation"
    }
    let right = rig.hostFrame(frame).address(atOffsetOf: address)
    return outcome == .mapped(right) ? nil : "\(right), guest frame \(frame)"
  }

  /// A and D as the rule sets them. One word may stand at several places of a path.
  private func compare(_ path: FuzzPath, _ expected: [UInt64], _ rig: FuzzRig, _ what: @autoclosure () -> String) {
    for (index, place) in path.places.enumerated() {
      var word = expected[index]
      for other in path.places.indices where path.places[other] == place { word |= expected[other] }
      let held = rig.load(place)
      if held != word { fail(rig.name, "\(what()) leaves \(FuzzStep.hex(held)) at \(place), should be \(FuzzStep.hex(word))") }
    }
  }

  /// The hypervisor must never forget an invalidation. That the guest does not is for the rule to say: the detector cannot read a table that is
  /// swapped out, which a shadow does not need, and blames the guest.
  private func checkDetector(_ rig: FuzzRig) {
    guard rig.detector.byHypervisor > 0 else { return }
    fail(rig.name, rig.detector.findings.first { $0.culprit == .hypervisor }?.description ?? "a stale translation")
  }

  private var rule: PermissionRule {
    var rule = PermissionRule()
    rule.nxe = controls.noExecute
    rule.wp = controls.writeProtect
    rule.smep = controls.smep
    rule.smap = controls.smap && !controls.alignmentCheck
    rule.pke = controls.protectionKeys
    rule.pkru = controls.pkru
    rule.physicalAddressBits = controls.physicalAddressBits
    return rule
  }

  private static func text(_ outcome: TranslationOutcome?) -> String {
    switch outcome {
    case nil: "a violation of what is allowed, or no end of them"
    case .mapped(let place): "\(place)"
    case .guestFault(let code): "a page fault with \(FuzzStep.hex(UInt64(code.rawValue)))"
    case .generalProtection: "a general-protection fault"
    case .violation(let violation): "a violation at \(violation.address)"
    }
  }
}
