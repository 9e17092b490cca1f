internal import Addressing
internal import Columns

/// Random accesses; after every so many, the kernel rewrites the level-1 entry of the page that was accessed last.
struct PageTableWritesGenerator: AccessGenerator {
  private let words: UInt64
  private let writes: UInt64
  private let every: UInt64
  private var index: UInt64 = 0
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    words = values["pages"] << 9
    writes = values["writes"]
    every = values["every"]
    random = source.stream("page-table-writes")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let address = GeneratedLayout.data + random.below(words) << 3
    batch.put(address, random.below(100) < writes ? .write : .read, &count)
    index += 1
    guard index == every else { return }
    index = 0
    batch.put(AccessRecord(.rewrite, address >> 12), &count)
  }
}

/// What the nanobenchmarks of Adams and Agesen (ASPLOS 2006, figure 4) do, mixed: after every so many accesses one operation, drawn by
/// weights: a system call, an `in`, a load of CR8, a call and return, a division by zero, a page fault, a rewrite of a page-table entry.
struct OperationsGenerator: AccessGenerator {
  /// The names of the weights; the first five in the order of the `operation` event's arguments.
  static let weights = ["syscall", "in", "cr8", "callret", "divzero", "pagefault", "rewrite"]
  /// How many pages behind the others page faults go through before they are unmapped again.
  static let faultPages: UInt64 = 512

  private let words: UInt64
  private let writes: UInt64
  private let every: UInt64
  private let sums: [UInt64]
  private var index: UInt64 = 0
  private var fault: UInt64 = 0
  private var random: RandomStream
  private var choices: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    words = values["pages"] << 9
    writes = values["writes"]
    every = values["every"]
    var sum: UInt64 = 0
    sums = Self.weights.map { name in
      sum += values[name]
      return sum
    }
    random = source.stream("operations/access")
    choices = source.stream("operations/choice")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let address = GeneratedLayout.data + random.below(words) << 3
    batch.put(address, random.below(100) < writes ? .write : .read, &count)
    index += 1
    guard index == every, let total = sums.last, total > 0 else { return }
    index = 0
    let drawn = choices.below(total)
    switch sums.firstIndex(where: { drawn < $0 }) ?? 0 {
    case let operation where operation < 5: batch.put(AccessRecord(.operation, UInt64(operation)), &count)
    case 5: faultOnce(batch, &count)
    default: batch.put(AccessRecord(.rewrite, address >> 12), &count)
    }
  }

  /// A write to a page that is not mapped; when all are, they are unmapped first.
  private mutating func faultOnce(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let first = (GeneratedLayout.data + words << 3) >> 12
    if fault == Self.faultPages {
      batch.put(AccessRecord(.range, first), &count)
      batch.put(AccessRecord(.unmap, Self.faultPages), &count)
      fault = 0
    }
    batch.put((first + fault) << 12, .write, &count)
    fault += 1
  }
}
