internal import Addressing
internal import Ballooning
internal import Columns
internal import FrameAllocation
internal import Machine
internal import PageContents
internal import PageTables
internal import Translation
internal import TranslationCaching

/// How frames come and go: the buddy allocator, a balloon with its queues in guest memory, and the audit that counts everything anew.
enum ReclaimBenchmark {
  static func run() throws -> Section {
    var section = Section(
      title: "Frames that come and go",
      method: """
        Buddy: frames of order 0 from 1 GiB, all allocated, then released in random order. Balloon: driver and device of a guest of 1 GiB, whose \
        written pages are inflated and deflated in buffers of 256. Audit: all six laws over that guest.
        """)
    section.figures += buddy()
    section.figures += try balloonAndAudit()
    return section
  }

  private static let frames = 256 << 10

  private static func buddy() -> [Figure] {
    let order = Column<UInt32>(count: frames)
    for index in 0..<frames { order[index] = UInt32(index) }
    var random = RandomStream(seed: 4)
    for index in stride(from: frames - 1, to: 0, by: -1) {
      let other = random.index(below: index + 1)
      (order[index], order[other]) = (order[other], order[index])
    }
    let allocator = BuddyAllocator(frameCount: frames)
    let stack = Column<UInt32>(count: frames)
    var best = (allocate: Double.infinity, release: Double.infinity, pop: Double.infinity, push: Double.infinity)
    for _ in 0..<7 {
      best.allocate = min(best.allocate, Measuring.time { for _ in 0..<frames { _ = allocator.allocate() } })
      best.release = min(best.release, Measuring.time { for index in 0..<frames { allocator.release(Int(order[index])) } })
      best.pop = min(
        best.pop,
        Measuring.time {
          var sum: UInt32 = 0
          for index in 0..<frames { sum &+= stack[frames - 1 - index] }
          Measuring.keep(UInt64(sum))
        })
      best.push = min(best.push, Measuring.time { for index in 0..<frames { stack[Int(order[index])] = UInt32(index) } })
    }
    let count = Double(frames)
    return [
      Figure(
        name: "buddy: allocate", value: best.allocate / count, unit: "ns/frame", floor: "pop from a stack", floorValue: best.pop / count),
      Figure(
        name: "buddy: release", value: best.release / count, unit: "ns/frame", floor: "a random store to a column",
        floorValue: best.push / count),
    ]
  }

  private static func balloonAndAudit() throws -> [Figure] {
    let pages = 256 << 10
    let memory = ByteSize(bytes: UInt64(pages) << 12)
    let host = try Host(
      HostConfiguration(
        memory: ByteSize(bytes: memory.bytes + 128 << 20), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry,
        guestPageCapacity: Host.ordinals(for: memory), audited: true))
    let vm = try host.createVM(name: "guest", memory: memory, paging: .nested)
    func write() { for page in 0..<pages { _ = vm.fill(GuestFrame(page), with: .synthetic(seed: UInt64(page))) } }
    write()
    var leaves = Double.infinity
    leaves = Measuring.best(of: 5) {
      var sum: UInt64 = 0
      for page in 0..<pages { sum &+= vm.map.leaf(of: GuestFrame(page)).rawValue }
      Measuring.keep(sum)
    }
    var breaches = 0
    let audit = Measuring.best(of: 3) { breaches += Audit.run(host).count }
    guard breaches == 0 else { throw BenchmarkError(problem: "the audit found \(breaches) breaches") }

    let source = Stack(pages: 8..<pages)
    let device = BalloonDevice(memory: vm, backend: vm, pageCount: UInt64(pages))
    let driver = try BalloonDriver(transport: device, memory: vm, queueFrames: (0..<4).map { GuestFrame($0) }, pages: source)
    let count = pages / 2
    var best = (inflate: Double.infinity, deflate: Double.infinity)
    for _ in 0..<3 {
      device.setTarget(pages: UInt32(count))
      best.inflate = min(best.inflate, Measuring.time { _ = driver.run(with: device, maxPages: count) })
      guard driver.pageCount == count else { throw BenchmarkError(problem: "the balloon holds \(driver.pageCount) pages") }
      device.setTarget(pages: 0)
      best.deflate = min(best.deflate, Measuring.time { _ = driver.run(with: device, maxPages: count) })
      write()
    }
    let floor = "read the leaf of a page"
    return [
      Figure(
        name: "balloon: inflate", value: best.inflate / Double(count), unit: "ns/page", floor: floor, floorValue: leaves / Double(pages)),
      Figure(
        name: "balloon: deflate", value: best.deflate / Double(count), unit: "ns/page", floor: floor, floorValue: leaves / Double(pages)),
      Figure(name: "audit", value: audit / Double(pages), unit: "ns/page", floor: floor, floorValue: leaves / Double(pages)),
    ]
  }

  /// A guest's kernel that gives its pages from the top of a stack.
  private final class Stack: BalloonPageSource {
    private var free: [GuestFrame]
    init(pages: Range<Int>) { free = pages.map { GuestFrame($0) } }
    func takePageForBalloon() -> GuestFrame? { free.popLast() }
    func returnPageFromBalloon(_ frame: GuestFrame) { free.append(frame) }
  }
}
