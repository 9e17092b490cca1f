internal import Columns
internal import PageContents

/// The hash that indexes of contents are keyed by, against reading the same memory.
enum PageHashBenchmark {
  private static let pages = 64 << 10

  static func run() -> Section {
    let words = Column<UInt64>(count: pages * PageContent.wordCount)
    var random = RandomStream(seed: 1)
    for index in 0..<words.count { words[index] = random.next() }
    // SAFETY: the buffers are used during the call only; a page's words are cut out inside the column's bounds.
    return unsafe words.withBuffer { buffer in
      let bytes = UnsafeRawBufferPointer(buffer)
      let (sum, xxh3) = Measuring.bestOfBoth(rounds: 9) {
        unsafe Measuring.keep(buffer.reduce(0, &+))
      } _: {
        var mixed: UInt64 = 0
        for page in 0..<pages {
          unsafe mixed ^= PageHash.index(UnsafeRawBufferPointer(rebasing: bytes[page * 4096..<(page + 1) * 4096]))
        }
        Measuring.keep(mixed)
      }
      let xxh64 = Measuring.best(of: 5) {
        var mixed: UInt64 = 0
        for page in 0..<pages {
          unsafe mixed ^= UInt64(PageHash.ksmChecksum(UnsafeRawBufferPointer(rebasing: bytes[page * 4096..<(page + 1) * 4096])))
        }
        Measuring.keep(mixed)
      }
      let count = Double(pages)
      return Section(
        title: "Page hash", method: "256 MiB of random words in memory, one thread.",
        figures: [
          Figure(name: "XXH3-64 of a page", value: xxh3 / count, unit: "ns/page", floor: "sum of its words", floorValue: sum / count),
          Figure(
            name: "KSM's checksum (XXH64) of a page", value: xxh64 / count, unit: "ns/page", floor: "sum of its words",
            floorValue: sum / count),
        ])
    }
  }
}
