internal import Dispatch
internal import Files
internal import Glibc
internal import PageContents
internal import PageSharing
internal import RAMImages
internal import Synchronization

/// The exact scan of a file that was just written, and so lies in the page cache, against summing the same file.
struct ExactScanBenchmark {
  private let pages: Int
  private let path: String
  private var bytes: Double { Double(pages) * 4096 }

  /// Writes the file, measures, and removes it.
  /// - Parameters:
  ///   - folder: where the file is written.
  ///   - largestGiB: how large it is, if there is room on the disk and in memory; otherwise half as large, again and again.
  static func run(folder: String, largestGiB: Int) throws -> Section {
    var gibibytes = largestGiB
    while gibibytes > 1 && min(Measuring.freeBytes(of: folder), Measuring.availableBytes) < Double(gibibytes + 1) * 0x1p30 {
      gibibytes /= 2
    }
    let benchmark = ExactScanBenchmark(pages: gibibytes << 18, path: "\(folder)/memlab-bench.\(getpid()).raw")
    // SAFETY: unlink reads a C string.
    defer { unsafe unlink(benchmark.path) }
    try benchmark.write()
    let shortage = gibibytes < largestGiB ? " There was no room for \(largestGiB) GiB on the disk or in memory." : ""
    return Section(
      title: "Exact scan",
      method: """
        A file of \(gibibytes) GiB in the page cache, written 1 MiB at a time: 1 page in 8 zeros, 1 in 4 held twice, half the file apart, the rest \
        distinct.\(shortage) The floor reads the same mapped file with as many threads: "mapped before" through a mapping that was read before, \
        "mapped afresh" through a new one each time, as every scan makes; "twice" scans it as two guests, so that each page of the second is \
        compared with one of the first, which the floor does not do.
        """, figures: try benchmark.figures())
  }

  private func figures() throws -> [Figure] {
    let file = try MappedFile(path: path)
    var figures: [Figure] = []
    for threads in [1, 2] {
      let scanner = ExactScanner(threads: threads)
      let name = threads == 1 ? "one thread" : "two threads"
      let (sum, scan) = try Measuring.bestOfBoth(rounds: 5) {
        sumOfWords(file, threads)
      } _: {
        Measuring.keep(try scanner.scan(RecordedMemory.open(path)).totals.pages)
      }
      figures.append(figure("scan, \(name)", scan, 1, "sum, mapped before", sum, .atLeastOfFloor(0.6)))
      let (fresh, twice) = try Measuring.bestOfBoth(rounds: 3) {
        sumOfWords(try MappedFile(path: path), threads)
      } _: {
        Measuring.keep(try scanner.scan(RecordedMemory.open(path) + RecordedMemory.open(path)).totals.pages)
      }
      figures.append(figure("scan, \(name)", scan, 1, "sum, mapped afresh", fresh, nil))
      figures.append(figure("scan twice, \(name)", twice, 2, "sum, mapped before", sum, nil))
    }
    let inputs = try RecordedMemory.open(path)
    let peak = try peakBytes { Measuring.keep(try ExactScanner(threads: 1).scan(inputs).totals.pages) }
    figures.append(
      Figure(
        name: "anonymous memory at its peak", value: peak / Double(pages), unit: "bytes/page", floor: "a word of hash and place",
        floorValue: 8, bound: .atMost(24)))
    return figures
  }

  private func figure(_ name: String, _ time: Double, _ times: Double, _ floor: String, _ floorTime: Double, _ bound: Figure.Bound?)
    -> Figure
  {
    Figure(name: name, value: times * bytes / time, unit: "GB/s a core", floor: floor, floorValue: bytes / floorTime, bound: bound)
  }

  /// The content of each page of the file.
  private func content(of page: Int) -> PageContent {
    switch page % 8 {
    case 0: .zero
    case 2: .synthetic(seed: UInt64((page - 1 + pages / 2) % pages))
    default: .synthetic(seed: UInt64(page))
    }
  }

  private func write() throws {
    // SAFETY: open reads a C string; the buffer that is written from is an array, by its own bounds.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw BenchmarkError(problem: "cannot write \(path)") }
    defer { close(descriptor) }
    let block = 256
    var buffer = [UInt8](repeating: 0, count: block * 4096)
    for first in stride(from: 0, to: pages, by: block) {
      let written = unsafe buffer.withUnsafeMutableBytes { bytes in
        for page in 0..<block {
          unsafe content(of: first + page).expand(into: UnsafeMutableRawBufferPointer(rebasing: bytes[page * 4096..<(page + 1) * 4096]))
        }
        return unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      }
      guard written == block * 4096 else { throw BenchmarkError(problem: "cannot write \(pages >> 18) GiB to \(path)") }
    }
  }

  private func sumOfWords(_ file: MappedFile, _ threads: Int) {
    let share = pages / threads * 4096
    let total = Atomic<UInt64>(0)
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      // SAFETY: a mapping is page-aligned and holds all shares; the words are read during the call only.
      let sum = unsafe file.withBytes(thread * share..<(thread + 1) * share) { bytes in
        unsafe bytes.assumingMemoryBound(to: UInt64.self).reduce(0, &+)
      }
      total.wrappingAdd(sum, ordering: .relaxed)
    }
    Measuring.keep(total.load(ordering: .relaxed))
  }

  /// The most anonymous memory that a body holds more than there was before, looked at every few milliseconds.
  private func peakBytes(_ body: () throws -> Void) rethrows -> Double {
    let before = Measuring.anonymousBytes
    let watch = Watch()
    watch.start()
    defer { watch.end() }
    try body()
    return watch.end() - before
  }

  private final class Watch: Sendable {
    private let isOver = Atomic(false)
    private let most = Mutex(0.0)
    private let ended = Atomic(false)

    func start() {
      Task.detached { [self] in
        while !isOver.load(ordering: .acquiring) {
          most.withLock { $0 = max($0, Measuring.anonymousBytes) }
          usleep(2_000)
        }
        ended.store(true, ordering: .releasing)
      }
    }

    /// Stops looking.
    @discardableResult func end() -> Double {
      isOver.store(true, ordering: .releasing)
      while !ended.load(ordering: .acquiring) { usleep(100) }
      return most.withLock { $0 }
    }
  }
}
