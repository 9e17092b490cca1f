import Addressing
import Foundation
import PageTables
import Testing
import Translation
import TranslationFuzzing

@Suite struct DifferentialTests {
  /// A debug build takes its time; MEMLAB_DIFFERENTIAL_STEPS asks for more. `make fuzz` takes ten million.
  private static let steps: Int = {
    if let text = ProcessInfo.processInfo.environment["MEMLAB_DIFFERENTIAL_STEPS"], let steps = Int(text) { return steps }
    #if DEBUG
      return 150
    #else
      return 10_000
    #endif
  }()

  @Test(
    "Native, nested, shadow, agile and direct paging answer random programs as the rule does: frames, faults, contents, A and D bits",
    arguments: 1...8 as ClosedRange<UInt64>)
  func agree(seed: UInt64) throws {
    let (program, failure) = try FuzzRun.hunt(seed: seed, steps: Self.steps, auditEvery: 64)
    #expect(failure == nil, "seed \(seed)\n\(program)")
  }

  @Test("A program's text says all of it: read back and carried out again it is the same program")
  func text() throws {
    for seed in 20..<22 as Range<UInt64> {
      let program = try FuzzRun.hunt(seed: seed, steps: 100, ways: [.native]).program
      #expect(try FuzzProgram(parsing: program.description) == program)
      #expect(try FuzzRun.replay(program, auditEvery: 50) == nil)
    }
    #expect(throws: FuzzProgramError(line: "read nobody 0x1000")) { try FuzzProgram(parsing: "read user 0x1000\nread nobody 0x1000") }
  }

  @Test("Programs that once failed", arguments: regressions)
  func regression(_ text: String) throws {
    #expect(try FuzzRun.replay(FuzzProgram(parsing: text)) == nil)
  }

  /// The shortest forms of what hunts found, each with what was wrong.
  static let regressions = [
    """
    # A paging-structure cache forgot that a table of the guest's was no shadow, and the guest's entries were taken for the host's.
    setup levels=4 tlb=l1=4x4,l2=16x4,pml4e=2,pdpte=2,pde=2,policy=fifo ways=agile+agile-nested
    store 0x0 0x6003 everything
    store 0xff8 0x4007 everything
    store 0x4000 0xb007 everything
    store 0xb000 0x11007 everything
    store 0x11008 0x24007 everything
    fetch user 0xffffff8000001000
    write user 0xffffff8000001000 0x0 everything
    """,
    """
    # Room for a leaf was made by dropping the page that had just gone out of step; shadowed anew, the table never heard of the store.
    setup levels=5 frames=6 tlb=l1i=4x2,l1d=8x4,l2=32x4 ways=shadow-kvm+shadow-xen
    store 0x3000 0x4003 everything
    store 0x2000 0x3003 everything
    store 0x4000 0xb003 everything
    store 0xb000 0x17003 everything
    store 0x17010 0x17043 everything
    load 2 0
    write supervisor 0x2010 0x0 everything
    """,
  ]

  @Test("A right that an entry above the leaf has gained without an invalidation may be refused once more, and no more than once")
  func spuriousFault() throws {
    let text = """
      setup levels=4 tlb=l1=4x4,l2=16x4,pml4e=2,pdpte=2,pde=2,policy=fifo ways=native+ept
      store 0x0 0x4007 everything
      store 0x4000 0x8007 everything
      store 0x8000 0xe005 everything
      store 0xe000 0x18007 everything
      store 0xe008 0x19007 everything
      read user 0x0
      read user 0x1000
      store 0x8000 0xe027 lazy
      write user 0x0 0x0 lazy
      write user 0x1000 0x0 lazy
      """
    let program = try FuzzProgram(parsing: text)
    let guest = try FuzzGuest(program.setup)
    for step in program.steps { guest.carryOut(step) }
    #expect(guest.failure == nil)
    // One in each way: the fault at the first page drops the level-2 entry that was remembered, under which the second is too.
    #expect(guest.spuriousFaults == 2)
  }

  // MARK: The hunt itself

  @Test(
    "A translator that swallows one kind of invalidation is found, and a program of a few steps shows it", arguments: Swallowed.allCases)
  func findsMutants(_ swallowed: Swallowed) throws {
    let wrap: FuzzWrap = { SwallowingTranslator($0, swallowed) }
    for seed in 1...100 as ClosedRange<UInt64> {
      let (program, failure) = try FuzzRun.hunt(seed: seed, steps: 200, ways: [swallowed.way], wrap: wrap)
      guard failure != nil else { continue }
      var shrinker = try #require(FuzzShrinker(program, wrap: wrap))
      shrinker.shrink(limit: 300)
      #expect(shrinker.program.steps.count <= 14, "\(shrinker.program)")
      #expect(try FuzzRun.replay(shrinker.program, wrap: wrap) != nil)
      #expect(try FuzzRun.replay(shrinker.program) == nil, "it is the swallowed call that is wrong")
      return
    }
    Issue.record("no hunt found it")
  }
}
