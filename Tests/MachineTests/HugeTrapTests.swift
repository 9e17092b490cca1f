import Addressing
import PageContents
import PageSharing
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("Huge mappings meet traps, keepers and those who ask what was accessed")
struct HugeTrapTests {
  /// A guest with one huge mapping of 512 pages, three of which hold something.
  private func make(_ mode: PagingMode, splits: Bool = true) throws -> (Host, VirtualMachine) {
    let host = try makeHost(frames: 4096)
    var backing = MemoryBacking(hugePages: .always)
    backing.splitsHugeOnMerge = splits
    let vm = try host.createVM(name: "vm", memory: ByteSize(bytes: 1024 << 12), paging: mode, backing: backing)
    for frame in 0..<3 { vm.put(UInt64(frame), in: frame) }
    #expect(vm.leaf(0).isLarge && vm.hugeMappings == 1)
    return (host, vm)
  }

  @Test("A page of a huge mapping that is to trap, to move or to go to a keeper splits it first", arguments: AuditTests.modes)
  func splits(_ mode: PagingMode) throws {
    for door in 0..<3 {
      let (host, vm) = try make(mode)
      let keeper = CopyKeeper()
      keeper.memory = host
      switch door {
      case 0: #expect(host.trapAccesses(to: vm.ordinal(1)))
      case 1: #expect(host.relocate(vm.ordinal(1)) != nil)
      default: #expect(keeper.take(vm.ordinal(1)))
      }
      #expect(vm.hugeMappings == 0 && !vm.leaf(0).isLarge && host.events.hugeSplits == 1)
      expectLawful(host)
      for frame in 0..<3 { #expect(vm.holds(.synthetic(seed: UInt64(frame)), in: frame)) }
      expectLawful(host)
    }
  }

  @Test("Where huge mappings are split only under pressure, their pages neither trap nor move nor go while there is none")
  func refusals() throws {
    let (host, vm) = try make(.nested, splits: false)
    let keeper = CopyKeeper()
    keeper.memory = host
    #expect(!host.trapAccesses(to: vm.ordinal(1)) && host.relocate(vm.ordinal(1)) == nil && !keeper.take(vm.ordinal(1)))
    #expect(vm.hugeMappings == 1)
    expectLawful(host)
  }

  @Test("One access to a huge mapping is an access to each of its pages, for the sharer and for the clock")
  func aging() throws {
    let (host, vm) = try make(.nested)
    #expect((0..<512).allSatisfy { host.testAndClearAccessed(vm.ordinal($0)) == true })
    #expect((0..<512).allSatisfy { host.testAndClearAccessed(vm.ordinal($0)) == false })
    _ = vm.load64(GuestFrame(77).address)
    #expect(host.accessedPages(from: GuestFrame(0), of: vm) == 512 && host.accessedPages(from: GuestFrame(0), of: vm) == 0)
    #expect((0..<512).allSatisfy { host.testAndClearAccessed(vm.ordinal($0)) == true })
    #expect((0..<512).allSatisfy { host.testAndClearAccessed(vm.ordinal($0)) == false })
    #expect(vm.hugeMappings == 1)
  }

  @Test("VUsion shares the pages of idle huge mappings, and a guest reads what it wrote")
  func vusion() throws {
    let (host, vm) = try make(.nested)
    let scanner = VUsionScanner(memory: host, capacity: Host.pageSpan * 4, frameCount: host.frameCount)
    _ = scanner.register(vm.firstPage.index..<vm.firstPage.index + vm.pageCount, tenant: 0)
    for _ in 0..<3 { while !scanner.scanBatch(pages: .max, at: 0).completedFullScan {} }
    // The 509 pages of zeros that came with the others share a frame; the three are each their own.
    #expect(scanner.counters.pagesSharing == 508 && vm.trappedPages == 512 && vm.hugeMappings == 0)
    expectLawful(host)
    for frame in 0..<3 { #expect(vm.holds(.synthetic(seed: UInt64(frame)), in: frame)) }
    expectLawful(host)
  }
}
