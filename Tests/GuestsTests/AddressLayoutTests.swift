import Addressing
import Columns
import Machine
import PageContents
import Testing
import Translation

@testable import Guests

@Suite("Randomized address spaces")
struct AddressLayoutTests {
  private static let pages = 256

  /// The heaps of three processes of one program in each of two guests of one image, page by page.
  private func heaps(aslr: Bool, pointerPercent: Int = 20) throws -> [[PageContent?]] {
    let host = try GuestRig.host(96)
    return try ["a", "b"].enumerated().flatMap { index, name in
      let vm = try host.createVM(name: name, memory: GuestRig.mebibytes(16), paging: .nested)
      var spec = GuestRig.small
      spec.processes = [spec.processes[0]]
      spec.processes[0].writesPerSecond = 0
      spec.processes[0].heapZeroPercent = 10
      spec.processes[0].heapDuplicatePercent = 50
      spec.aslr = aslr
      spec.pointerPercent = pointerPercent
      let guest = GuestRig.guest(vm, spec, own: ContentSpace(number: UInt64(2 + index)))
      guest.boot()
      for _ in 0..<50 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 100) }
      return guest.groups[0].running.map { process in
        NaiveTables(vm, root: process.tables.root).pages.filter { $0.address >= GuestProcess.heapBase }.sorted { $0.address < $1.address }
          .map { vm.content(of: GuestFrame($0.frame)) }
      }
    }
  }

  /// Of the first hundred pages, in which each use has its share exactly: how many different contents six processes hold of each.
  private func differences(_ heaps: [[PageContent?]]) -> [Int: Int] {
    var counts: [Int: Int] = [:]
    for page in 0..<100 { counts[Set(heaps.map { $0[page] }).count, default: 0] += 1 }
    return counts
  }

  @Test("make the stated share of a program's common pages different in every process of every guest, and no other page")
  func pointerPages() throws {
    #expect(differences(try heaps(aslr: false)) == [1: 60, 6: 40])
    // Of 50 common pages a fifth hold addresses.
    #expect(differences(try heaps(aslr: true)) == [1: 50, 6: 50])
    #expect(differences(try heaps(aslr: true, pointerPercent: 0)) == [1: 60, 6: 40])
    #expect(differences(try heaps(aslr: true, pointerPercent: 100)) == [1: 10, 6: 90])
  }

  @Test("change a page that holds addresses in three bytes at most")
  func nearCopies() throws {
    let (fixed, moved) = (try heaps(aslr: false), try heaps(aslr: true))
    var near = 0
    for page in 0..<100 where fixed[0][page] == fixed[1][page] {
      let (before, after) = (try #require(fixed[0][page]), try #require(moved[0][page]))
      guard before != after else { continue }
      near += 1
      let words = (0..<PageContent.wordCount).filter { before.word(at: $0) != after.word(at: $0) }
      #expect((1...3).contains(words.count))
      for word in words { #expect((before.word(at: word) ^ after.word(at: word)).bytes.filter { $0 != 0 }.count == 1) }
    }
    #expect(near == 10)
  }

  @Test("give a kernel one of 512 places, so that of many kernels some agree")
  func kernels() {
    var stream = RandomSource(seed: 3).stream("vm/a/layouts")
    let variants = (0..<5000).map { _ in AddressLayout.random(bits: AddressLayout.kernelBits, &stream).variant }
    #expect(Set(variants).count == 512)
    let image = ContentSpace(number: 1)
    #expect(Set(variants.map { image.kernel(7, layout: AddressLayout(base: $0)) }).count == 512)
    #expect(image.kernel(7, layout: .fixed) == image.content(.kernel, 7))
  }

  @Test("are drawn from a stream of their own: all else that a guest does stays the same")
  func nothingElse() throws {
    let lives = try [0, 100].map { percent in
      let (host, vm) = try GuestRig.machine()
      defer { withExtendedLifetime(host) {} }
      var spec = GuestRig.small
      spec.aslr = true
      spec.pointerPercent = percent
      let guest = GuestRig.guest(vm, spec)
      GuestRig.live(guest)
      return (guest.statistics, vm.translator.counters.references)
    }
    #expect(lives[0] == lives[1])
  }

  @Test("leave room between the pages of two programs: none is nearly another's")
  func programsAreNotAlike() {
    let image = ContentSpace(number: 1)
    let names = ["nginx", "postgres", "redis", "java", "init"]
    let seeds = names.map { name in Set((0..<20_000).compactMap { image.content(.common, of: name, page: $0).seed }) }
    #expect(seeds.allSatisfy { $0.count == 20_000 })
    #expect(seeds.reduce(Set()) { $0.union($1) }.count == 100_000)
  }
}

extension UInt64 {
  fileprivate var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }
}
