import Addressing
import Columns
import Machine
import PageContents
import TestSupport
import Testing
import Translation

@testable import Guests

@Suite("A synthetic guest")
struct SyntheticGuestTests {
  /// Every page of a guest has one owner: nobody, the cache, a process's heap, tables, the kernel, or the balloon's queues.
  private func checkAccounts(_ guest: SyntheticGuest, kernelPages: Int, ballooned: Int = 0) {
    let statistics = guest.statistics
    let processes = guest.groups.flatMap(\.running)
    let tables = processes.reduce(1) { $0 + NaiveTables(guest.vm, root: $1.tables.root).tables.count }  // 1: the idle process's root
    let queues = guest.balloonQueueFrames.count
    #expect(statistics.free + statistics.cached + statistics.anonymous + kernelPages + tables + queues + ballooned == guest.vm.pageCount)
  }

  @Test("boots with its kernel's pages, three quarters of them the image's, and pages for its balloon's queues")
  func boots() throws {
    let (host, vm) = try GuestRig.machine()
    defer { withExtendedLifetime(host) {} }
    let guest = GuestRig.guest(vm)
    guest.boot()
    let contents = (0..<vm.pageCount).compactMap { vm.content(of: GuestFrame($0)) }
    let image = Set((0..<384).map { GuestRig.image.content(.kernel, UInt64($0)) })
    #expect(image.isSubset(of: contents))
    #expect(contents.filter { $0 != .zero }.count == 512)
    #expect(Set(guest.balloonQueueFrames).count == 4)
    checkAccounts(guest, kernelPages: 512)
  }

  @Test("starts processes when its load rises and ends them when it falls, and gets all their memory back", arguments: PagingMode.allCases)
  func followsLoad(paging: PagingMode) throws {
    let (host, vm) = try GuestRig.machine(16, paging)
    defer { withExtendedLifetime(host) {} }
    let guest = GuestRig.guest(vm)
    guest.boot()
    let free = guest.statistics.free
    for (level, running) in [(100, [3, 1]), (34, [2, 1]), (1, [1, 1]), (67, [3, 1]), (0, [0, 0])] {
      for _ in 0..<5 { guest.step(nanoseconds: GuestRig.tick, levelPercent: level) }
      guest.window(accesses: 500)
      #expect(guest.groups.map(\.running.count) == running)
      checkAccounts(guest, kernelPages: 512)
    }
    #expect(guest.statistics.anonymous == 0)
    #expect(guest.statistics.free + guest.statistics.cached == free)
    guest.window(accesses: 500)
    guest.step(nanoseconds: GuestRig.tick, levelPercent: 100)
    #expect(guest.groups.map(\.running.count) == [3, 1])
  }

  @Test("fills its processes' heaps with zero, common and unique pages as specified")
  func heapContents() throws {
    let (host, vm) = try GuestRig.machine()
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    for index in spec.processes.indices { spec.processes[index].writesPerSecond = 0 }
    let guest = GuestRig.guest(vm, spec)
    guest.boot()
    for _ in 0..<50 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 100) }
    let heaps = guest.groups[0].running.map { process in
      NaiveTables(vm, root: process.tables.root).pages.filter { $0.address >= GuestProcess.heapBase }.sorted { $0.address < $1.address }
        .compactMap { vm.content(of: GuestFrame($0.frame)) }
    }
    #expect(heaps.map(\.count) == [256, 256, 256])
    for page in 0..<256 {
      let contents = heaps.map { $0[page] }
      switch guest.groups[0].program.use(of: page) {
      case .zero: #expect(contents.allSatisfy { $0 == .zero })
      case .common: #expect(Set(contents).count == 1 && contents[0] != .zero)
      case .unique: #expect(Set(contents).count == 3)
      }
    }
    let uses = (0..<100).map(guest.groups[0].program.use)
    #expect(uses.filter { $0 == .zero }.count == 20 && uses.filter { $0 == .common }.count == 30)
  }

  @Test("writes as many pages a second as specified, each process as many as the others")
  func writeRate() throws {
    let (host, vm) = try GuestRig.machine()
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    // A rate so low that a tick has less than one write for each process.
    spec.processes = [spec.processes[0]]
    spec.processes[0].writesPerSecond = 4
    spec.processes[0].heapZeroPercent = 0
    spec.processes[0].heapDuplicatePercent = 0
    spec.fileReadsPerSecond = 0
    let guest = GuestRig.guest(vm, spec)
    guest.boot()
    for _ in 0..<50 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 100) }
    let roots = guest.groups[0].running.map(\.tables.root)
    var written = [0, 0, 0]
    for _ in 0..<50 {
      let before = roots.map { heap(of: $0, vm) }
      guest.step(nanoseconds: GuestRig.tick, levelPercent: 100)
      for (index, root) in roots.enumerated() { written[index] += zip(before[index], heap(of: root, vm)).filter { $0 != $1 }.count }
    }
    #expect(written == [20, 20, 20])
  }

  private func heap(of root: GuestFrame, _ vm: VirtualMachine) -> [PageContent?] {
    NaiveTables(vm, root: root).pages.filter { $0.address >= GuestProcess.heapBase }.sorted { $0.address < $1.address }
      .map { vm.content(of: GuestFrame($0.frame)) }
  }

  @Test("never writes the same content twice to pages that no longer hold what they began with")
  func writesAreUnique() throws {
    let (host, vm) = try GuestRig.machine()
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    spec.processes[0].writesPerSecond = 2000
    let guest = GuestRig.guest(vm, spec)
    guest.boot()
    for _ in 0..<30 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 100) }
    var seen: Set<PageContent> = []
    var changed = 0
    for process in guest.groups[0].running {
      for (page, content) in heap(of: process.tables.root, vm).enumerated() {
        let content = try #require(content)
        let home: PageContent? =
          switch process.program.use(of: page) {
          case .zero: .zero
          case .common: GuestRig.image.content(.common, of: "web", page: page)
          case .unique: nil
          }
        guard content != home else { continue }
        if home != nil { changed += 1 }
        #expect(seen.insert(content).inserted)
      }
    }
    #expect(changed > 0)
  }

  @Test("lives the same life under every way of paging, down to the last byte of its memory")
  func pagingChangesNothing() throws {
    let lives = try PagingMode.transparent.map { paging in
      let (host, vm) = try GuestRig.machine(16, paging)
      defer { withExtendedLifetime(host) {} }
      let guest = GuestRig.guest(vm)
      GuestRig.live(guest)
      return (GuestRig.memoryHash(vm), guest.statistics)
    }
    #expect(lives.allSatisfy { $0 == lives[0] })
    #expect(lives[0].1.failedAllocations == 0)
  }

  @Test("lives the same life again from the same seed, and another from another")
  func seedDecides() throws {
    let hashes = try [7, 7, 8].map { seed in
      let (host, vm) = try GuestRig.machine()
      defer { withExtendedLifetime(host) {} }
      GuestRig.live(GuestRig.guest(vm, seed: UInt64(seed)))
      return GuestRig.memoryHash(vm)
    }
    #expect(hashes[0] == hashes[1])
    #expect(hashes[0] != hashes[2])
  }

  @Test("does not notice other guests on its host")
  func othersChangeNothing() throws {
    let hashes = try [false, true].map { hasNeighbour in
      let host = try GuestRig.host(96)
      let vm = try host.createVM(name: "web", memory: GuestRig.mebibytes(16), paging: .nested)
      let guest = GuestRig.guest(vm)
      guest.boot()
      if hasNeighbour {
        let neighbour = GuestRig.guest(
          try host.createVM(name: "db", memory: GuestRig.mebibytes(16), paging: .shadow), own: ContentSpace(number: 3))
        GuestRig.live(neighbour)
      }
      for _ in 0..<20 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 70) }
      guest.window(accesses: 1000)
      return GuestRig.memoryHash(vm)
    }
    #expect(hashes[0] == hashes[1])
  }

  @Test("with far too little memory fails allocations, but neither traps nor loses a page", arguments: 1...5 as ClosedRange<UInt64>)
  func tooLittleMemory(mebibytes: UInt64) throws {
    let (host, vm) = try GuestRig.machine(mebibytes)
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    spec.processes[1].heap = GuestRig.mebibytes(1024)
    spec.fileReadsPerSecond = 3000
    let guest = GuestRig.guest(vm, spec)
    GuestRig.live(guest, levels: [100, 0, 100])
    #expect(guest.statistics.failedAllocations > 0)
    if mebibytes > 2 { checkAccounts(guest, kernelPages: 512) }
    while guest.takePageForBalloon() != nil {}
    GuestRig.live(guest, levels: [50])
  }

  @Test("without programs, files or text is idle")
  func idle() throws {
    let (host, vm) = try GuestRig.machine(4)
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    spec.kernel = ByteSize(bytes: 0)
    spec.files = ByteSize(bytes: 0)
    for index in spec.processes.indices {
      spec.processes[index].text = ByteSize(bytes: 0)
      spec.processes[index].heap = ByteSize(bytes: 0)
    }
    let guest = GuestRig.guest(vm, spec)
    GuestRig.live(guest)
    #expect(guest.statistics.anonymous == 0 && guest.statistics.cached == 0)
  }

  @Test("makes all accesses of a window even where its programs have no text")
  func textless() throws {
    let (host, vm) = try GuestRig.machine()
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    for index in spec.processes.indices { spec.processes[index].text = ByteSize(bytes: 0) }
    let guest = GuestRig.guest(vm, spec)
    GuestRig.live(guest)
    let before = vm.translator.counters.references
    guest.window(accesses: 3001)
    #expect(vm.translator.counters.references - before == 3001)
  }

  @Test("goes on without its machine as the host stops it, and never traps")
  func stopped() throws {
    let (host, vm) = try GuestRig.machine()
    let guest = GuestRig.guest(vm)
    GuestRig.live(guest)
    host.stop(vm)
    GuestRig.live(guest)
    if let frame = guest.takePageForBalloon() { guest.returnPageFromBalloon(frame) }
    #expect(vm.privateFrames == 0)
  }
}
