import Testing
import Translation
import TranslationCaching

@testable import Laboratory

@Suite("What a window measures")
struct WindowMeasureTests {
  private func cost() throws -> CostPreset { try #require(CostPreset(named: "haswell-2013")) }

  private func counters(l1Hits: UInt64 = 0, l2Hits: UInt64 = 0, misses: UInt64 = 0, referencesPerWalk: UInt64 = 4) -> TranslationCounters {
    var counters = TranslationCounters()
    counters.tlb.l1dHits = l1Hits
    counters.tlb.l1dMisses = l2Hits + misses
    counters.tlb.l2Hits = l2Hits
    counters.tlb.l2Misses = misses
    counters.walks = misses
    counters.walkReferences = misses * referencesPerWalk
    return counters
  }

  private func measure(_ counters: TranslationCounters, swapIns: UInt64 = 0) -> WindowMeasure {
    var measure = WindowMeasure()
    measure.add(counters, swapIns: swapIns, since: (TranslationCounters(), 0))
    return measure
  }

  @Test("is no slowdown where nothing was accessed, or where every miss took four references and nothing else was lost")
  func bare() throws {
    #expect(WindowMeasure().slowdown(try cost()) == 1)
    #expect(WindowMeasure().missRate == 0 && WindowMeasure().referencesPerWalk == 0)
    #expect(measure(counters(l1Hits: 900, l2Hits: 50, misses: 50)).slowdown(try cost()) == 1)
  }

  @Test("is the cost of 24 references over that of four where every access walks nested tables, beside the accesses themselves")
  func nestedWalks() throws {
    let cost = try cost()
    let (access, reference) = (Double(cost.access.cycles), Double(cost.walkReference.cycles))
    let measured = measure(counters(misses: 1000, referencesPerWalk: 24))
    #expect(measured.slowdown(cost) == (access + 24 * reference) / (access + 4 * reference))
    #expect(measured.missRate == 1 && measured.referencesPerWalk == 24)
    let half = measure(counters(l1Hits: 1000, misses: 1000, referencesPerWalk: 24))
    #expect(half.slowdown(cost) == (2 * access + 24 * reference) / (2 * access + 4 * reference))
    #expect(half.missRate == 0.5)
  }

  @Test("adds exits to the guest's side alone, and page faults of the guest's own kernel to both")
  func exits() throws {
    let cost = try cost()
    var counted = counters(l1Hits: 1000)
    counted.guestFaults = 3
    #expect(measure(counted).slowdown(cost) == 1)
    counted.exits[.eptViolation] = 5
    let bare = Double(1000 * cost.access.cycles + 3 * cost.guestPageFault.cycles)
    let exit = Double(try #require(cost.exits[.eptViolation]).cycles)
    #expect(measure(counted).slowdown(cost) == (bare + 5 * exit) / bare)
  }

  @Test("counts on bare hardware what walk caches spared as spared there too, and is 1 or more with them")
  func walkCaches() throws {
    let cost = try cost()
    // Each of 100 walks began two levels down: two references of the guest's tables, and two of the host's for each and for the page.
    var counted = counters(l1Hits: 50, misses: 100, referencesPerWalk: 8)
    counted.sparedReferences = 200
    let (access, reference) = (Double(cost.access.cycles), Double(cost.walkReference.cycles))
    #expect(measure(counted).slowdown(cost) == (150 * access + 800 * reference) / (150 * access + 200 * reference))
    counted.walkReferences = 200
    #expect(measure(counted).slowdown(cost) == 1)
    var native = measure(counted)
    native.mode = .native
    #expect(native.slowdown(cost) == 1)
  }

  @Test("leaves what hypercalls carry to the guest's side, and has no other bare hardware for a native guest than itself")
  func hypercalls() throws {
    let cost = try cost()
    var counted = counters(l1Hits: 1000)
    (counted.tableUpdates, counted.checkedEntries) = (7, 2)
    let bare = Double(1000 * cost.access.cycles)
    #expect(measure(counted).slowdown(cost) == (bare + 9 * Double(cost.hypercallUpdate.cycles)) / bare)
    // Walks that ended in a fault are among a native guest's own.
    var faulting = counters(misses: 10)
    (faulting.walks, faulting.walkReferences, faulting.guestFaults) = (15, 55, 5)
    var native = measure(faulting)
    native.mode = .native
    #expect(native.slowdown(cost) == 1)
  }

  @Test("adds 100 us for each page read back from swap")
  func swap() throws {
    let cost = try cost()
    let bare = Double(1000 * cost.access.cycles)
    let measured = measure(counters(l1Hits: 1000), swapIns: 2)
    #expect(measured.slowdown(cost) == (bare + 2 * 1e-4 * Double(cost.clockHertz)) / bare)
  }

  @Test("adds up over windows, and is what came after an earlier measure")
  func differences() throws {
    var all = measure(counters(l1Hits: 10, misses: 2), swapIns: 1)
    let first = all
    let before = counters(l1Hits: 10, misses: 2)
    all.add(counters(l1Hits: 17, misses: 5), swapIns: 4, since: (before, 1))
    #expect(all.counters.references == 22 && all.swapIns == 4)
    let later = all.since(first)
    #expect(later.counters.references == 10 && later.swapIns == 3 && later.counters.walkReferences == 12)
    #expect(all.since(all).slowdown(try cost()) == 1)
  }
}
