import Addressing
import TestSupport
import Testing

@testable import PageTables

/// Memory as a dictionary of words.
private struct SparseMemory {
  var words: [UInt64: UInt64] = [:]
  var frames: UInt64

  func load(_ address: GuestPhysicalAddress) -> UInt64? { address.rawValue < frames << 12 ? words[address.rawValue] ?? 0 : nil }

  mutating func store(_ entry: UInt64, _ table: UInt64, _ index: UInt64) { words[table << 12 | index << 3] = entry }
}

@Suite struct X86MappingsTests {
  /// A tree with random entries of all kinds: a few tables, so that some are reached over many paths, with pages of all sizes.
  private func tree(_ seed: UInt64, levels: Int) -> SparseMemory {
    var random = SeededGenerator(seed: seed)
    var memory = SparseMemory(frames: UInt64(levels) * 2)
    // Frames 2(L - 1) and 2(L - 1) + 1 hold tables of level L.
    for level in 1...UInt64(levels) {
      for table in [2 * (level - 1), 2 * (level - 1) + 1] {
        for _ in 0..<3 {
          let index = ([0, 1, 255, 256, 510, 511] as [UInt64]).randomElement(using: &random) ?? 0
          var entry = random.next() & (X86Entry.noExecute | 0x7e) | (random.next() % 8 == 0 ? 0 : 1)
          let isLarge = (2...3).contains(level) && random.next() % 3 == 0
          let shift = isLarge ? 9 * (level - 1) : 0
          if isLarge { entry |= X86Entry.pageSize }
          if level == 1 || isLarge { entry |= (random.next() % (1 << 30) & (UInt64.max << shift)) << 12 }
          if level > 1 && !isLarge { entry |= (2 * (level - 2) + random.next() % 2) << 12 }
          if random.next() % 10 == 0 { entry |= 1 << 50 }
          if random.next() % 20 == 0 { entry |= 1 << 32 }
          memory.store(entry, table, index)
        }
      }
    }
    return memory
  }

  @Test("every mapping is one that a walk finds, and every address that a walk finds is in a mapping", arguments: 0..<20 as Range<UInt64>)
  func walks(seed: UInt64) throws {
    let levels = seed % 2 == 0 ? 4 : 5
    let memory = tree(seed, levels: levels)
    var controls = X86Controls()
    controls.levels = levels
    let root = GuestPhysicalAddress(UInt64(2 * (levels - 1)) << 12)
    var found: [X86Mapping] = []
    let outcome = X86Mappings(root: GuestPhysicalAddress(root.rawValue | 0xfff), controls: controls)
      .forEach(word: memory.load) { found.append($0) }
    #expect(outcome.mappings == found.count && outcome.isComplete)
    #expect(zip(found, found.dropFirst()).allSatisfy { $0.address.rawValue + $0.size.bytes <= $1.address.rawValue })
    // All addresses that differ in an index which some table may use.
    var reached: Set<GuestVirtualAddress> = []
    func probe(_ prefix: UInt64, _ level: Int) {
      for index in [0, 1, 2, 255, 256, 510, 511] as [UInt64] {
        let address = prefix | index << X86Index.shift(level)
        if level > 1 { probe(address, level - 1) } else { check(address) }
      }
    }
    func check(_ raw: UInt64) {
      let signed = raw >> UInt64(9 * levels + 11) & 1 == 1 ? raw | UInt64.max << UInt64(9 * levels + 12) : raw
      let address = GuestVirtualAddress(signed)
      var walk = X86Walk(address, root: root, levels: levels, reserved: controls.reservedBits)
      var step = X86Step.table
      while step == .table {
        guard let word = memory.load(walk.entryAddress) else { break }
        step = walk.step(X86Entry(rawValue: word))
      }
      let mapping = found.first { $0.address <= address && address.rawValue - $0.address.rawValue < $0.size.bytes }
      guard step == .leaf, let mapping else { return #expect(mapping == nil && step != .leaf) }
      #expect(mapping.leaf == walk.entry && mapping.rights == walk.rights && mapping.size == walk.pageSize)
      #expect(mapping.frame.advanced(by: (signed - mapping.address.rawValue) >> 12) == walk.target)
      reached.insert(mapping.address)
    }
    probe(0, levels)
    #expect(reached.count == found.count)
  }

  @Test("a table that maps itself in one entry shows all tables as pages, and the depth is the number of levels")
  func recursiveMap() {
    var memory = SparseMemory(frames: 5)
    for level in 1...4 as ClosedRange<UInt64> { memory.store((level - 1) << 12 | 3, level, 5) }
    memory.store(4 << 12 | 3, 4, 511)
    var frames: [UInt64] = []
    let outcome = X86Mappings(root: GuestPhysicalAddress(4 << 12)).forEach(word: memory.load) { frames.append($0.frame.rawValue) }
    // The page, then under entry 511 the tables of levels 1 to 3 and the root.
    #expect(frames == [0, 1, 2, 3, 4])
    #expect(outcome.isComplete && outcome.missingWords == 0)
  }

  @Test("a tree that never ends is left at the limit; tables outside the memory are counted, not read")
  func corrupt() {
    var memory = SparseMemory(frames: 1)
    for index in 0..<512 as Range<UInt64> { memory.store(7, 0, index) }
    var count = 0
    let endless = X86Mappings(root: GuestPhysicalAddress(0), tableLimit: 1000).forEach(word: memory.load) { _ in count += 1 }
    #expect(!endless.isComplete && endless.tables == 1000 && count == endless.mappings && count > 0)
    memory.words = [0: 5 << 12 | 7, 8: 1 << 51 | 7, 16: 0x80 | 7]
    let outside = X86Mappings(root: GuestPhysicalAddress(0)).forEach(word: memory.load) { _ in count = 0 }
    #expect(outside.missingWords == 512 && outside.reservedEntries == 2 && outside.isComplete && outside.mappings == 0)
  }
}
