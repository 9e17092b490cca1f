import Addressing
import Machine
import PageContents
import PageTables
import Testing
import Translation
import TranslationCaching

@testable import Guests

@Suite struct TableWriterTests {
  private func machine(batch: Int = 16, _ paging: PagingMode = .direct) throws -> (Host, VirtualMachine) {
    let host = try Host(
      HostConfiguration(
        memory: ByteSize(bytes: 16 << 20), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry, guestPageCapacity: Host.pageSpan,
        audited: true))
    var options = PagingOptions()
    options.updateBatch = batch
    return (host, try host.createVM(name: "pv", memory: ByteSize(bytes: 4 << 20), paging: paging, options: options))
  }

  private func place(_ frame: Int, _ index: Int) -> GuestPhysicalAddress { GuestFrame(frame).address.advanced(by: UInt64(index) * 8) }

  @Test("what is written reads back in guest frames, and lies in memory in machine frames")
  func roundTrip() throws {
    let (host, vm) = try machine()
    let writer = TableWriter(vm)
    let entry = X86Entry.page(GuestFrame(9), writable: true, user: true, noExecute: true)
    #expect(writer.write(entry, at: place(3, 7)))
    #expect(writer.read(place(3, 7)) == entry)
    let hypercalls = try #require(vm.hypercalls)
    #expect(vm.load64(place(3, 7)).map { X86Entry(rawValue: $0).hostFrame } == hypercalls.machineFrame(of: GuestFrame(9)))
    #expect(Audit.run(host).count == 0)
  }

  @Test("updates of pinned tables are sent in batches, in order", arguments: [1, 4, 16])
  func batches(size: Int) throws {
    let (host, vm) = try machine(batch: size)
    for frame in 0..<40 { #expect(vm.fill(GuestFrame(frame), with: .zero)) }
    let writer = TableWriter(vm)
    #expect(writer.write(.table(GuestFrame(2)), at: place(3, 0)) && writer.write(.table(GuestFrame(1)), at: place(2, 0)))
    #expect(writer.write(.table(GuestFrame(0)), at: place(1, 0)) && writer.pin(GuestFrame(3)))
    let before = vm.translator.counters
    for index in 0..<32 {
      #expect(writer.write(.page(GuestFrame(4 + index), writable: true, user: true, noExecute: false), at: place(0, index)))
    }
    #expect(writer.flush())
    let cost = vm.translator.counters.since(before)
    #expect(cost.tableUpdates == 32 && cost.exits[.hypercall] == UInt64(32 / size))
    vm.loadCR3(GuestFrame(3).address)
    for index in 0..<32 {
      guard case .mapped(let address) = vm.access(GuestVirtualAddress(UInt64(index) << 12), .write) else {
        Issue.record("page \(index) is not mapped")
        continue
      }
      #expect(vm.hypercalls?.guestFrame(of: address.page) == GuestFrame(4 + index))
    }
    #expect(Audit.run(host).count == 0)
  }

  @Test("a refused update is told")
  func refusal() throws {
    let (host, vm) = try machine(batch: 1)
    defer { withExtendedLifetime(host) {} }
    for frame in 0..<4 { #expect(vm.fill(GuestFrame(frame), with: .zero)) }
    let writer = TableWriter(vm)
    #expect(writer.pin(GuestFrame(3)))
    #expect(!writer.write(.table(GuestFrame(3)), at: place(3, 0)) && !writer.isIntact)
  }

  @Test("on other hosts it stores and loads as it is told", arguments: PagingMode.transparent)
  func transparent(paging: PagingMode) throws {
    let (host, vm) = try machine(batch: 16, paging)
    defer { withExtendedLifetime(host) {} }
    let writer = TableWriter(vm)
    let entry = X86Entry.page(GuestFrame(9), writable: true, user: true, noExecute: true)
    #expect(writer.pin(GuestFrame(3)) && writer.write(entry, at: place(3, 7)) && writer.flush())
    #expect(vm.load64(place(3, 7)) == entry.rawValue && writer.read(place(3, 7)) == entry)
    writer.unpin()
  }
}
