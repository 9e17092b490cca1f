internal import Addressing
internal import Columns

/// A process with pages that it uses all the time, while its kernel changes its tables range by range, which is how most entries of page
/// tables are written: `mmap`, `mprotect` and `munmap` change those of a range, a fork those of all pages.
///
/// After every so many accesses to the hot pages there is one such change. A range of further pages is mapped and populated, and written
/// once, page by page; then it is protected, then made writable again, then unmapped. After so many of these lives of a range the process
/// forks: all that it has becomes read-only; the child writes a few pages and ends. Writes to the hot pages fall into a sixteenth of them,
/// as into a stack and a few variables, so that what they fault after a fork is little beside the fork.
struct RangesGenerator: AccessGenerator {
  /// How many pages a child writes: what a shell's child touches of its stack and its variables before it executes something, of this
  /// order.
  static let childPages: UInt64 = 16

  private enum Phase {
    case begin
    /// The hot pages, until the next change.
    case use(left: UInt64)
    /// The pages of the new range, one after the other.
    case touch(next: UInt64)
    case child(left: UInt64)
    case end
  }

  private let pages: UInt64
  private let hot: UInt64
  private let range: UInt64
  private let every: UInt64
  private let forks: UInt64
  private let writes: UInt64
  private var phase = Phase.begin
  /// The changes so far of the current life of a range, and the lives since the last fork.
  private var (change, lives): (UInt64, UInt64) = (0, 0)
  private var child: UInt64 = 1
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    pages = values["pages"]
    hot = min(values["hot"], pages)
    range = values["range"]
    every = values["every"]
    forks = values["forks"]
    writes = values["writes"]
    random = source.stream("ranges")
  }

  private var firstPage: UInt64 { GeneratedLayout.data >> 12 }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    switch phase {
    case .begin:
      batch.put(AccessRecord(.run, 1), &count)
      put(.populate, firstPage, pages, batch, &count)
      phase = .use(left: every)
    case .use(let left):
      use(batch, &count)
      phase = .use(left: left - 1)
      if left == 1 { changeTables(batch, &count) }
    case .touch(let next):
      batch.put((firstPage + pages + next) << 12, .write, &count)
      phase = next + 1 < range ? .touch(next: next + 1) : .use(left: every)
    case .child(let left):
      write(below: hot, batch, &count)
      phase = left > 1 ? .child(left: left - 1) : .end
    case .end:
      batch.put(AccessRecord(.exit, child), &count)
      batch.put(AccessRecord(.run, 1), &count)
      phase = .use(left: every)
    }
  }

  private mutating func use(_ batch: borrowing AccessBatch, _ count: inout Int) {
    if random.below(100) < writes { return write(below: max(1, hot / 16), batch, &count) }
    batch.put(GeneratedLayout.data + random.below(hot) << 12 + random.below(512) << 3, .read, &count)
  }

  private mutating func write(below pages: UInt64, _ batch: borrowing AccessBatch, _ count: inout Int) {
    batch.put(GeneratedLayout.data + random.below(pages) << 12 + random.below(512) << 3, .write, &count)
  }

  private mutating func changeTables(_ batch: borrowing AccessBatch, _ count: inout Int) {
    if forks > 0 && lives == forks {
      lives = 0
      child += 1
      batch.put(AccessRecord(.fork, child), &count)
      batch.put(AccessRecord(.run, child), &count)
      phase = .child(left: Self.childPages)
      return
    }
    let event: StreamEvent = change == 0 ? .populate : change == 1 ? .protect : change == 2 ? .unprotect : .unmap
    put(event, firstPage + pages, range, batch, &count)
    phase = event == .populate ? .touch(next: 0) : .use(left: every)
    change = (change + 1) % 4
    if change == 0 { lives += 1 }
  }

  private func put(_ event: StreamEvent, _ first: UInt64, _ pages: UInt64, _ batch: borrowing AccessBatch, _ count: inout Int) {
    batch.put(AccessRecord(.range, first), &count)
    batch.put(AccessRecord(event, pages), &count)
  }
}
