internal import Files
internal import Glibc
internal import PageContents
internal import PageSharing
internal import RAMImages
internal import Synchronization

/// The exact scan of a file that was just written, and so lies in the page cache, against summing the same file.
enum ExactScanBenchmark {
  private static let pages = 512 << 10

  static func run() throws -> Section {
    let path = "/tmp/memlab-bench.\(getpid()).raw"
    // SAFETY: unlink reads a C string.
    defer { unsafe unlink(path) }
    try write(path)
    let inputs = try RecordedMemory.open(path)
    let scanner = ExactScanner(threads: 1)
    let file = try MappedFile(path: path)
    let (sum, scan) = try Measuring.bestOfBoth(rounds: 5) {
      sumOfWords(file)
    } _: {
      Measuring.keep(try scanner.scan(inputs).totals.pages)
    }
    let peak = try peakBytes { Measuring.keep(try scanner.scan(inputs).totals.pages) }
    let bytes = Double(pages) * 4096
    return Section(
      title: "Exact scan",
      method: """
        A file of 2 GiB in the page cache: 1 page in 8 zeros, 1 in 4 held twice, the rest distinct. One thread; the floor reads the same \
        mapped file.
        """,
      figures: [
        Figure(
          name: "scan", value: bytes / scan, unit: "GB/s a core", floor: "sum of its words", floorValue: bytes / sum, bound: .atLeast(2.5)),
        Figure(
          name: "anonymous memory at its peak", value: peak / Double(pages), unit: "bytes/page", floor: "a word of hash and place",
          floorValue: 8, bound: .atMost(24)),
      ])
  }

  /// The content of each page of the file.
  private static func content(of page: Int) -> PageContent {
    switch page % 8 {
    case 0: .zero
    case 1: .synthetic(seed: UInt64(page))
    case 2: .synthetic(seed: UInt64(page - 1))
    default: .synthetic(seed: UInt64(page))
    }
  }

  private static func write(_ path: String) throws {
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
      guard written == block * 4096 else { throw BenchmarkError(problem: "cannot write 2 GiB to \(path)") }
    }
  }

  private static func sumOfWords(_ file: MappedFile) {
    // SAFETY: a mapping is page-aligned and 2 GiB long; the words are read during the call only.
    unsafe file.withBytes(0..<pages * 4096) { unsafe Measuring.keep($0.assumingMemoryBound(to: UInt64.self).reduce(0, &+)) }
  }

  /// The most anonymous memory that a body holds more than there was before, looked at every few milliseconds.
  private static func peakBytes(_ body: () throws -> Void) rethrows -> Double {
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
