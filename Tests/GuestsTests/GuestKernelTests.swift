import Addressing
import Machine
import PageContents
import TestSupport
import Testing

@testable import Guests

@Suite("A guest's kernel")
struct GuestKernelTests {
  @Test("hands out no frame twice, and counts every frame as free or used", arguments: 1...3 as ClosedRange<UInt64>)
  func handsOutOnce(seed: UInt64) throws {
    let (host, vm) = try GuestRig.machine(4)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm, files: 300)
    var random = SeededGenerator(seed: seed)
    var held: Set<GuestFrame> = []
    for _ in 0..<4000 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<4: if let frame = kernel.allocate() { #expect(held.insert(frame).inserted) }
      case 4: _ = kernel.filePage(Int.random(in: 0..<300, using: &random))
      case 5: if let frame = kernel.takeForBalloon() { #expect(held.insert(frame).inserted) }
      default:
        guard let frame = held.min() else { break }
        held.remove(frame)
        kernel.free(frame)
      }
      #expect(kernel.freePages + kernel.cache.count + held.count == vm.pageCount)
    }
    #expect(held.allSatisfy { !kernel.isFree($0) })
  }

  @Test("gives the balloon free pages first, then the page cache, and never its reserve or what processes map")
  func balloonOrder() throws {
    let (host, vm) = try GuestRig.machine(4)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm, files: 200)
    for page in 0..<200 { _ = kernel.filePage(page) }
    for page in 0..<10 { kernel.pin(page) }
    var taken: [GuestFrame] = []
    while let frame = kernel.takeForBalloon() {
      #expect(!kernel.isFree(frame))
      taken.append(frame)
      #expect(kernel.cache.count == 200 || kernel.freePages >= kernel.reserve - 1)
      if taken.count <= vm.pageCount - 200 - kernel.reserve { #expect(kernel.cache.count == 200) }
    }
    #expect(kernel.cache.count == 10)
    #expect(kernel.freePages == kernel.reserve)
    #expect(taken.count == vm.pageCount - 10 - kernel.reserve)
    kernel.returnFromBalloon(try #require(taken.last))
    #expect(kernel.freePages == kernel.reserve + 1)
  }

  @Test("reclaims the page cache before an allocation fails, and keeps the last pages for itself")
  func reclaims() throws {
    let (host, vm) = try GuestRig.machine(4)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm, files: 500)
    for page in 0..<500 { _ = kernel.filePage(page) }
    var used = 0
    while kernel.allocate() != nil { used += 1 }
    #expect(kernel.cache.count == 0)
    #expect(kernel.failedAllocations == 1)
    #expect(kernel.freePages == kernel.reserve / 4)
    #expect(used == vm.pageCount - kernel.reserve / 4)
  }

  @Test("fills freed pages with zeros if it is set so, and leaves them as they were if not", arguments: [true, false])
  func initOnFree(zeros: Bool) throws {
    let (host, vm) = try GuestRig.machine(4)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm, initOnFree: zeros)
    let content = GuestRig.own.content(.unique, 5)
    let frame = try #require(kernel.allocate())
    #expect(vm.fill(frame, with: content))
    kernel.free(frame)
    #expect(vm.content(of: frame) == (zeros ? .zero : content))
    let next = try #require(kernel.allocateZeroed())
    #expect(vm.content(of: next) == .zero)
  }

  @Test("puts a file's content into the page that caches it")
  func readsFiles() throws {
    let (host, vm) = try GuestRig.machine(4)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm, files: 50, text: 5)
    for page in 0..<55 {
      let frame = try #require(kernel.filePage(page))
      #expect(vm.content(of: frame) == kernel.cache.content(of: page))
      #expect(kernel.filePage(page) == frame)
    }
  }

  @Test("keeps its accounts when the host stops its machine in the middle of a read")
  func stopped() throws {
    let (host, vm) = try GuestRig.machine(4)
    let kernel = GuestRig.kernel(vm, files: 50)
    host.stop(vm)
    #expect(kernel.filePage(3) == nil)
    #expect(kernel.allocateZeroed() == nil)
    #expect(kernel.freePages == vm.pageCount)
  }
}
