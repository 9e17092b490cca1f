import Addressing
import PageContents
import TestSupport
import Testing

@testable import PageTables

/// A map whose tables are written word by word: the table of level L lies in frame L, the root on top in frame 6 or the map's own.
private struct WrittenMap {
  let contents: FrameContents
  let map: GuestPhysicalMap
  let address = GuestPhysicalAddress(0x2a_955a_a123)

  init(levels: Int, format: NestedFormat, controls: NestedControls) throws {
    // 4 GiB of frames, so that address bits 20 and 29 in an entry still name one.
    contents = FrameContents(frameCount: 1 << 20)
    map = try GuestPhysicalMap(
      contents: contents, frames: TableFrames(contents, capacity: 1), levels: levels, format: format, controls: controls)
  }

  func place(level: Int) -> HostPhysicalAddress {
    let table = level == map.levels ? map.root : HostFrame(level)
    return X86Index.entryAddress(in: table.address, of: address, level: level)
  }

  /// The word of a level. It names the table below, but for a large leaf, which has none.
  func store(_ bits: UInt64, level: Int) {
    let below = level == 1 || bits & 0x80 != 0 ? 0 : UInt64(level - 1) << 12
    contents.store(bits | below, place(level: level))
  }

  var words: [UInt64] { (1...map.levels).map { contents.load(place(level: $0)) } }

  func restore(_ words: [UInt64]) { for level in 1...map.levels { contents.store(words[level - 1], place(level: level)) } }
}

@Suite struct NestedWalkTests {
  /// Controls of the processor and its twin from six bits of a number.
  private func controls(_ bits: UInt64) -> (NestedControls, NaiveEPT) {
    var (controls, twin) = (NestedControls(), NaiveEPT())
    controls.modeBasedExecute = bits & 1 != 0
    controls.executeOnly = bits & 2 != 0
    controls.largePages = bits & 4 != 0
    controls.gigabytePages = bits & 8 != 0
    controls.physicalAddressBits = bits & 16 != 0 ? 48 : 40
    twin.modeBasedExecute = controls.modeBasedExecute
    twin.executeOnly = controls.executeOnly
    twin.largePages = controls.largePages
    twin.gigabytePages = controls.gigabytePages
    twin.physicalAddressBits = controls.physicalAddressBits
    twin.levels = bits & 32 != 0 ? 5 : 4
    return (controls, twin)
  }

  /// Walks the map and the twin, and compares how it ends, what is marked, and the walk from each table on the way.
  private func compare(_ written: WrittenMap, _ naive: NaiveEPT, _ access: NaiveEPT.Access) -> Bool {
    let (contents, map, before) = (written.contents, written.map, written.words)
    var marked: [UInt64: UInt64] = [:]
    let expected = naive.walk(
      written.address.rawValue, access, root: map.root.address.rawValue, load: { contents.load(HostPhysicalAddress($0)) },
      store: { marked[$0] = $1 })
    let nested = map.access(access, naive.keepsAccessedDirty)
    var references: UInt64 = 0
    let result = map.walk(written.address, nested, references: &references)
    var isSame = outcome(result, written.address) == expected && references == UInt64(map.levels - result.level + 1)
    for (place, word) in marked where contents.load(HostPhysicalAddress(place)) != word { isSame = false }
    if marked.isEmpty && written.words != before { isSame = false }
    let path = map.path
    for level in result.level...map.levels {
      var fewer: UInt64 = 0
      let part = map.walk(
        written.address, nested, from: path.table(level: level), level: level, rights: path.rights(level: level), references: &fewer)
      if outcome(part, written.address) != expected || fewer != UInt64(level - result.level + 1) { isSame = false }
    }
    written.restore(before)
    return isSame
  }

  private func outcome(_ walk: NestedWalk, _ address: GuestPhysicalAddress) -> NaiveEPT.Outcome {
    switch walk.kind {
    case .mapped: .mapped(walk.leaf.frame.address(atOffsetOf: address).rawValue)
    case .violation: .violation(walk.qualification)
    case .misconfiguration: .misconfiguration(level: walk.level)
    case .logFull: .misconfiguration(level: -1)
    }
  }

  @Test(
    "Every value of bits 10:0 at every level, reserved and alignment bits: a walk of EPT ends as the specification says", arguments: 0..<16)
  func everyEntry(_ part: UInt64) throws {
    var random = SeededGenerator(seed: part)
    var different = 0
    // Address bits 20 and 29 name other frames of the host in a table's entry and misalign a large leaf's; 45 is used where it is reserved.
    let extras: [UInt64] = [0, 0, 0, 1 << 20, 1 << 29, 1 << 12, 1 << 30, 1 << 48, 1 << 51, 1 << 52, 1 << 63]
    let (controls, base) = controls(part << 2 | random.next() % 4)
    let written = try WrittenMap(levels: base.levels, format: .ept, controls: controls)
    for level in 1...base.levels {
      for bits in 0..<2048 as Range<UInt64> {
        for other in 1...base.levels {
          written.store(EPTEntry.permissions | EPTEntry.userExecute | (other == 1 ? EPTEntry.writeBack : 0), level: other)
        }
        let extra = base.physicalAddressBits == 40 && random.next() % 12 == 0 ? 1 << 45 : extras.randomElement(using: &random) ?? 0
        written.store(bits | extra, level: level)
        var naive = base
        naive.keepsAccessedDirty = random.next() % 2 == 0
        if !compare(written, naive, NaiveEPT.Access.allCases[Int(random.next() % 6)]) { different += 1 }
      }
    }
    #expect(different == 0)
  }

  @Test("Random entries at all levels at once: misconfigurations above beat violations below, and rights are the AND", arguments: 0..<8)
  func everyPath(_ part: UInt64) throws {
    var random = SeededGenerator(seed: 100 + part)
    var different = 0
    var kinds: Set<Int> = []
    for round in 0..<8 as Range<UInt64> {
      let (controls, base) = controls(part * 8 + round)
      let written = try WrittenMap(levels: base.levels, format: .ept, controls: controls)
      for step in 0..<600 {
        var naive = base
        naive.keepsAccessedDirty = step % 2 == 0
        for level in 1...naive.levels {
          var bits = EPTEntry.permissions | EPTEntry.userExecute | random.next() & 0x300
          if random.next() % 4 == 0 { bits = random.next() & 0x407 }
          if level == 1 { bits |= random.next() % 4 == 0 ? random.next() & 0x38 : EPTEntry.writeBack }
          if random.next() % 24 == 0 { bits |= 1 << (random.next() % 8) }
          written.store(bits, level: level)
        }
        let access = NaiveEPT.Access.allCases[step % 6]
        if !compare(written, naive, access) { different += 1 }
        var references: UInt64 = 0
        let again = written.map.access(access, naive.keepsAccessedDirty)
        kinds.insert(Int(written.map.walk(written.address, again, references: &references).kind.rawValue))
      }
    }
    #expect(different == 0 && kinds == [0, 1, 2])
  }

  @Test("AMD's nested tables are walked as a user's x86-64 tables, a guest's tables as written, and EXITINFO1 says which", arguments: 0..<4)
  func amd(_ part: UInt64) throws {
    var random = SeededGenerator(seed: 200 + part)
    let levels = part % 2 == 0 ? 4 : 5
    let written = try WrittenMap(levels: levels, format: .npt, controls: NestedControls())
    var rule = PermissionRule()
    rule.physicalAddressBits = 48
    var different = 0
    var passed = 0
    for step in 0..<6000 {
      for level in 1...levels {
        var bits: UInt64 = random.next() & 0x60 | 7
        if random.next() % 5 == 0 { bits = random.next() & 0x67 | (random.next() % 2) << 63 }
        if level > 1 && random.next() % 10 == 0 { bits |= 0x80 }
        if random.next() % 40 == 0 { bits |= ([1 << 20, 1 << 29, 1 << 48, 1 << 51] as [UInt64]).randomElement(using: &random) ?? 0 }
        written.store(bits, level: level)
      }
      let words = written.words
      let leafLevel = words[2] & 0x80 != 0 ? 3 : words[1] & 0x80 != 0 ? 2 : 1
      // An address bit may have led the walk to an empty table.
      var met = [written.contents.load(written.place(level: levels))]
      while met.count <= levels - leafLevel {
        let level = levels - met.count
        let table = HostPhysicalAddress(met[met.count - 1] & 0xffff_ffff_f000)
        let isLost = table != HostFrame(level).address
        met.append(isLost ? 0 : words[level - 1])
      }
      let isTable = step % 4 == 3
      let kind = AccessKind.allCases[step % 3]
      var references: UInt64 = 0
      let result = written.map.walk(
        written.address, written.map.access(kind, for: isTable ? .guestTable : .access), references: &references)
      let unmarked = met
      let code = rule.access(&met, kind: isTable ? 1 : kind.rawValue, isUser: true, levels: levels)
      let expected = code.map { UInt64($0) | (isTable ? 1 << 33 : 1 << 32) }
      if (result.isMapped ? nil : result.qualification) != expected { different += 1 }
      let marked = code == nil ? Array(met.reversed()) : Array(words[(leafLevel - 1)...])
      if Array(written.words[(leafLevel - 1)...]) != marked { different += 1 }
      guard result.isMapped else { continue }
      passed += 1
      let size = UInt64(1) << UInt64(12 + 9 * (leafLevel - 1))
      let target = (unmarked[unmarked.count - 1] & 0xffff_ffff_f000 & ~(size - 1)) + written.address.rawValue % size
      let isWritable = met.allSatisfy { $0 & 2 != 0 }
      let isExecutable = met.allSatisfy { $0 >> 63 == 0 }
      if result.leaf.frame.address(atOffsetOf: written.address).rawValue != target || result.level != leafLevel { different += 1 }
      if result.rights != 1 | (isWritable ? 2 : 0) | (isExecutable ? 4 : 0) { different += 1 }
      if !result.leaf.isReadable || !result.leaf.isAccessed || (isTable || kind == .write) && !result.leaf.isDirty { different += 1 }
    }
    #expect(different == 0 && passed > 500)
  }
}
