internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TestSupport
internal import Translation

/// Accesses, and what they must come to.
extension FuzzGuest {
  func write(_ privilege: Privilege, _ address: GuestVirtualAddress, _ value: UInt64, _ how: FuzzInvalidation) {
    guard let target = access(address, .write, privilege) else { return }
    let place = target.address(atOffsetOf: address)
    let old = X86Entry(rawValue: rigs[0].load(place))
    let pages = pages(through: place, how)
    guard askingDirectFirst({ $0.storeMapped(value, place) }) else { return }
    if isTable[target.index] { invalidate(how, place, pages, from: old, to: X86Entry(rawValue: value)) }
  }

  func batch(_ records: [AccessRecord]) {
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
    var retried = -1
    for _ in 0..<(64 * count + 1) {
      let stop = rig.translator.translate(records, in: start..<count)
      if case .guestFault(let index, let code) = stop, index != retried {
        let (record, path) = (records[index], FuzzPath(records[index].address, root: root, controls, rigs[0]))
        guard spuriousFaults(path, record.kind, record.privilege).contains(code.rawValue) else { return stop }
        retried = index
        start = index
        continue
      }
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
  func access(_ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege) -> GuestFrame? {
    let path = FuzzPath(address, root: root, controls, rigs[0])
    note(path)
    var expected = path.words
    let code =
      path.isOutside || path.words.isEmpty
      ? nil : rule.access(&expected, kind: kind.rawValue, isUser: privilege == .user, levels: controls.levels)
    let target = path.target
    let spurious = spuriousFaults(path, kind, privilege)
    for rig in rigs {
      var outcome = rig.access(address, kind, privilege)
      if case .guestFault(let refused) = outcome, refused.rawValue != code, spurious.contains(refused.rawValue) {
        spuriousFaults += 1
        outcome = rig.access(address, kind, privilege)
      }
      if let wrong = difference(outcome, code, path, rig, address) {
        fail(rig.name, "\(kind) \(privilege) \(address) gives \(Self.text(outcome)), should be \(wrong)")
      }
      if !path.isOutside && target?.isOutside != true { compare(path, expected, rig, "\(kind) \(privilege) \(address)") }
      checkDetector(rig)
    }
    if code != nil { refused = (address, kind, privilege) }
    guard code == nil, let frame = target?.frame, failure == nil else { return nil }
    let word = rigs[0].load(frame.address(atOffsetOf: address))
    for rig in rigs where rig.load(frame.address(atOffsetOf: address)) != word {
      fail(rig.name, "another word than in \(rigs[0].name) at \(address)")
    }
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

  /// The hypervisor must never forget an invalidation. That the guest does not is for the rule to say: the detector cannot read a table
  /// that is swapped out, which a shadow does not need, and blames the guest.
  private func checkDetector(_ rig: FuzzRig) {
    guard rig.detector.byHypervisor > 0 else { return }
    fail(rig.name, rig.detector.findings.first { $0.culprit == .hypervisor }?.description ?? "a stale translation")
  }

  var rule: PermissionRule {
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
