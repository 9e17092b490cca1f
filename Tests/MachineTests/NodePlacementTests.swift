import Addressing
import FrameAllocation
import PageContents
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("NUMA: a guest's frames come from its home node, else from the next ones")
struct NodePlacementTests {
  @Test("Frames are on the node of their number; pages and tables of a guest on its home for as long as there are frames", arguments: 0..<4)
  func home(_ node: Int) throws {
    let host = try makeHost(frames: 4096, swapSlots: 4096, nodes: 4)
    let vm = try host.makeVM("vm", pages: 2048, .shadow, backing: MemoryBacking(numaNode: node))
    let space = AddressSpace(vm, tablesBelow: 2048)
    space.map(0, to: 0)
    space.load()
    #expect(vm.touch(0, .write) != nil)
    for frame in 0..<1500 { #expect(vm.put(UInt64(frame), in: frame)) }
    for frame in 0..<4096 where !host.frames.allocator.isFree(frame) && frame != host.zeroFrame.index {
      let place = host.numaNode(of: HostFrame(frame))
      #expect(place == frame / 1024 && (place == node || place == (node + 1) % 4))
      if host.frames[HostFrame(frame)].tableOwner != nil && place != node { #expect(host.frames.allocator.freeFrames(ofNode: node) == 0) }
    }
    #expect(host.frames.allocator.freeFrames(ofNode: node) == 0 && host.frames.allocator.freeFrames(ofNode: (node + 2) % 4) > 1000)
    expectLawful(host)
    host.stop(vm)
    #expect(host.freeFrames == 4095)
  }

  @Test("A copy of a shared page and a page that is swapped in come to the guest's own node")
  func copies() throws {
    let host = try makeHost(frames: 4096, swapSlots: 64, nodes: 2)
    let vms = try (0..<2).map { try host.makeVM("vm\($0)", backing: MemoryBacking(numaNode: $0)) }
    for vm in vms { vm.put(1, in: 0) }
    #expect(vms.map { host.numaNode(of: $0.leaf(0).frame) } == [0, 1])
    let stable = try #require(host.makeStable(vms[0].ordinal(0)))
    #expect(host.merge(vms[1].ordinal(0), into: stable) && host.numaNode(of: vms[1].leaf(0).frame) == 0)
    #expect(vms[1].store64(5, GuestFrame(0).address) && host.numaNode(of: vms[1].leaf(0).frame) == 1)
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    #expect(vms[1].swappedPages == 1)
    #expect(vms[1].load64(GuestFrame(0).address) == 5 && host.numaNode(of: vms[1].leaf(0).frame) == 1)
    expectLawful(host)
  }

  @Test("Huge pages come from the home node too, and from the next one rather than none")
  func hugePages() throws {
    let host = try makeHost(frames: 4096, nodes: 2)
    let vm = try host.makeVM("vm", pages: 4096, backing: MemoryBacking(hugePages: .always, numaNode: 1))
    for region in 0..<6 { vm.put(1, in: region * 512) }
    #expect(
      vm.hugeMappings == 6 && (0..<6).map { host.numaNode(of: vm.leaf($0 * 512).frame) } == [1, 1, 1, 0, 0, 0], "one block went to tables")
    expectLawful(host)
  }

  @Test("A host of no nodes, of too many, or of more than its memory can be divided into is refused, and so is a guest on none of them")
  func refusals() throws {
    for nodes in [0, -1, 65, Int.max, Int.min] {
      #expect(throws: HostError.noSuchNode(nodes)) { try makeHost(frames: 4096, nodes: nodes) }
    }
    #expect(throws: HostError.tooSmall(ByteSize(bytes: 2047 << 12))) { try makeHost(frames: 2047, nodes: 2) }
    let host = try makeHost(frames: 2048, nodes: 2)
    for node in [-1, 2, Int.max] {
      #expect(throws: HostError.noSuchNode(node)) { try host.makeVM(backing: MemoryBacking(numaNode: node)) }
    }
    #expect(try host.makeVM(backing: MemoryBacking(numaNode: 1)).numaNode == 1)
  }
}
