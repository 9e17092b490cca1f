import Addressing
import TestSupport
import Testing

@testable import PageTables

@Suite struct PermissionTests {
  /// The legality of a combination, in the words of its definition.
  private func isLegal(_ flags: UInt32) -> Bool {
    let combination = PermissionCase(flags: flags)
    if combination.has(PermissionCase.smep) { return false }
    if combination.has(PermissionCase.fetch) && combination.has(PermissionCase.write) { return false }
    if !combination.has(PermissionCase.pke) && (combination.has(PermissionCase.keyAD) || combination.has(PermissionCase.keyWD)) {
      return false
    }
    if combination.has(PermissionCase.pde13) && !combination.has(PermissionCase.pse) { return false }
    var reserved = [PermissionCase.pte51, PermissionCase.pte36, PermissionCase.pde51, PermissionCase.pde36, PermissionCase.pde13]
    if !combination.has(PermissionCase.nxe) { reserved += [PermissionCase.pteNX, PermissionCase.pdeNX] }
    return reserved.filter(combination.has).count <= 1
  }

  @Test("The legal combinations of 30 flags are 28,999,680, and the enumeration has each once")
  func legalCombinations() {
    // Flags that the definition of legality names, and those that it leaves free.
    let named: [UInt32] = [
      PermissionCase.pteNX, PermissionCase.pte51, PermissionCase.pte36, PermissionCase.pse, PermissionCase.pdeNX, PermissionCase.pde51,
      PermissionCase.pde36, PermissionCase.pde13, PermissionCase.keyAD, PermissionCase.keyWD, PermissionCase.pke, PermissionCase.write,
      PermissionCase.fetch, PermissionCase.nxe, PermissionCase.smep,
    ]
    let namedMask = named.reduce(0, |)
    var legal: Set<UInt32> = []
    for bits in 0..<1 << named.count {
      let flags = named.indices.reduce(0 as UInt32) { $0 | (bits >> $1 & 1 == 1 ? named[$1] : 0) }
      if isLegal(flags) { legal.insert(flags) }
    }
    #expect(legal.count << (30 - named.count) == 28_999_680)
    #expect(PermissionEnumeration.count == 28_999_680)
    let all = PermissionEnumeration()
    // The lowest 15 bits of a number are the free flags, the rest chooses the named ones.
    #expect(Set(stride(from: 0, to: PermissionEnumeration.count, by: 1 << 15).map { all[$0].flags }) == legal)
    #expect(Set((0..<1 << 15).map { all[$0].flags & ~namedMask }).count == 1 << 15)
    #expect((0..<1 << 15).allSatisfy { all[$0].flags & namedMask == all[0].flags })
  }

  /// Entries from the top down that a walk of four levels meets, held as a row of words: what a memory would hold.
  private func entries(of combination: PermissionCase) -> [UInt64] {
    let above = [3 << 12 | 7, combination.pdpte(2)] as [UInt64]
    return combination.leafLevel == 2 ? above + [combination.pde(512)] : above + [combination.pde(1), combination.pte(9)]
  }

  /// One access through `X86Walk` and `X86Controls`, marking the entries as a translator does.
  private func access(_ entries: inout [UInt64], _ controls: X86Controls, _ kind: AccessKind, _ privilege: Privilege) -> UInt32? {
    var walk = X86Walk(GuestVirtualAddress(0), root: GuestPhysicalAddress(4 << 12), levels: 4, reserved: controls.reservedBits)
    var depth = 0
    var step = X86Step.table
    while step == .table {
      step = walk.step(X86Entry(rawValue: entries[depth]))
      depth += 1
    }
    guard step == .leaf else { return walk.fault(step, controls.tried(kind, privilege)).rawValue }
    if let refusal = controls.refusal(of: kind, privilege, rights: walk.leafRights) { return refusal.rawValue }
    for index in 0..<depth { entries[index] |= X86Entry.accessed }
    if kind == .write { entries[depth - 1] |= X86Entry.dirty }
    return nil
  }

  private func controls(_ rule: PermissionRule) -> X86Controls {
    var controls = X86Controls()
    controls.noExecute = rule.nxe
    controls.writeProtect = rule.wp
    controls.smep = rule.smep
    controls.protectionKeys = rule.pke
    controls.pkru = rule.pkru
    controls.physicalAddressBits = rule.physicalAddressBits
    return controls
  }

  @Test("Walk and check answer as the rule does: outcome, error code, A and D")
  func sample() {
    let all = PermissionEnumeration()
    var different = 0
    var faults = 0
    for number in stride(from: 0, to: PermissionEnumeration.count, by: 61) {
      let combination = all[number]
      let rule = PermissionRule(combination)
      let controls = controls(rule)
      var expected = entries(of: combination)
      var actual = expected
      if combination.isTwice {
        let first = rule.access(&expected, kind: 0, isUser: false)
        if access(&actual, controls, .read, .supervisor) != first { different += 1 }
      }
      let code = rule.access(&expected, kind: combination.kind, isUser: combination.isUser)
      let kind = AccessKind(rawValue: combination.kind) ?? .read
      if access(&actual, controls, kind, combination.isUser ? .user : .supervisor) != code || actual != expected { different += 1 }
      if code != nil { faults += 1 }
      // The same access once more finds what it found, and has nothing to mark.
      guard combination.isTwice else { continue }
      let again = access(&actual, controls, kind, combination.isUser ? .user : .supervisor)
      if again != code || actual != expected { different += 1 }
    }
    #expect(different == 0)
    #expect(faults > 0 && faults < PermissionEnumeration.count / 61)
  }

  @Test("SMEP and SMAP refuse a supervisor's fetches from and data accesses to user pages, AC lifts SMAP")
  func supervisorModes() {
    for bits in 0..<1 << 13 as Range<UInt32> {
      let flag = { (bit: UInt32) in bits >> bit & 1 == 1 }
      var rule = PermissionRule()
      (rule.nxe, rule.wp, rule.smep, rule.smap) = (flag(0), flag(1), flag(2), flag(3) && !flag(4))
      var controls = controls(rule)
      (controls.smap, controls.alignmentCheck) = (flag(3), flag(4))
      let entry = { (shift: UInt32, frame: UInt64) in frame << 12 | 1 | UInt64(bits >> shift & 3) << 1 | (flag(shift + 2) ? 1 << 63 : 0) }
      for kind in AccessKind.allCases {
        var expected: [UInt64] = [3 << 12 | 7, 2 << 12 | 7, entry(5, 1), entry(8, 9)]
        var actual = expected
        let isUser = flag(11)
        if flag(12) { expected[2] = 512 << 12 | expected[2] & ~0xfff_f000 | 0x80 }
        if flag(12) { expected.removeLast() }
        actual = expected
        let code = rule.access(&expected, kind: kind.rawValue, isUser: isUser)
        #expect(access(&actual, controls, kind, isUser ? .user : .supervisor) == code && actual == expected, "\(bits) \(kind)")
      }
    }
  }

  @Test("Each of the 16 protection keys has its own AD and WD, for data of user pages only")
  func protectionKeys() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      var rule = PermissionRule()
      (rule.pke, rule.wp, rule.pkru) = (true, random.next() % 2 == 0, UInt32(truncatingIfNeeded: random.next()))
      let controls = controls(rule)
      for key in 0..<16 as Range<UInt64> {
        let isUser = random.next() % 2 == 0
        for kind in AccessKind.allCases {
          var expected: [UInt64] = [3 << 12 | 7, 2 << 12 | 7, 1 << 12 | 7, 9 << 12 | 3 | random.next() & 4 | key << 59]
          var actual = expected
          let code = rule.access(&expected, kind: kind.rawValue, isUser: isUser)
          #expect(access(&actual, controls, kind, isUser ? .user : .supervisor) == code && actual == expected)
        }
      }
    }
  }
}
