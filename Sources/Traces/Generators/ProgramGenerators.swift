internal import Addressing
internal import Columns

/// A program with a stack that grows and shrinks as functions are called and return, and a heap whose blocks are mapped, used and unmapped.
///
/// A sixteenth of the pages is the stack's. The heap is divided into slots of 16 pages; a block of 1 to 16 pages begins at a free slot with its first
/// write, and ends with the events `range` and `unmap`.
struct StackHeapGenerator: AccessGenerator {
  static let slotPages = 16

  private let stackBytes: UInt64
  private let slots: Int
  private let writes: UInt64
  private let blocks: HeapBlocks
  private var random: RandomStream
  /// How many functions have been called and have not returned, and the bytes of their frames.
  private var (depth, used): (UInt64, UInt64) = (0, 0)

  init(_ values: GeneratorValues, _ source: RandomSource) {
    let pages = values["pages"]
    stackBytes = (pages / 16) << 12
    slots = Int(pages - pages / 16) / Self.slotPages
    writes = values["writes"]
    blocks = HeapBlocks(slots)
    random = source.stream("stack-heap")
  }

  /// The bytes of the frame at a depth: from 64 to 512, always the same at one depth.
  private func frame(_ depth: UInt64) -> UInt64 { 64 + SplitMix64.mix(depth) % 29 * 16 }

  private mutating func kind() -> AccessKind { random.below(100) < writes ? .write : .read }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    switch random.below(100) {
    case 0..<15: call(batch, &count)
    case 15..<30: goBack(batch, &count)
    case 30..<55: batch.put(GeneratedLayout.stackTop - max(64, used) + random.below(8) << 3, kind(), &count)
    case 55..<98: use(random.index(below: slots), batch, &count)
    default: free(random.index(below: slots), batch, &count)
    }
  }

  private mutating func call(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let bytes = frame(depth)
    guard used + bytes <= stackBytes else { return goBack(batch, &count) }
    depth += 1
    batch.put(GeneratedLayout.stackTop - used - 8, .write, &count)
    batch.put(GeneratedLayout.stackTop - used - 16, .write, &count)
    used += bytes
  }

  private mutating func goBack(_ batch: borrowing AccessBatch, _ count: inout Int) {
    guard depth > 0 else { return call(batch, &count) }
    depth -= 1
    used -= frame(depth)
    batch.put(GeneratedLayout.stackTop - used - 16, .read, &count)
    batch.put(GeneratedLayout.stackTop - used - 8, .read, &count)
  }

  private func firstPage(_ slot: Int) -> UInt64 { GeneratedLayout.data >> 12 + UInt64(slot * Self.slotPages) }

  private mutating func use(_ slot: Int, _ batch: borrowing AccessBatch, _ count: inout Int) {
    let base = firstPage(slot) << 12
    guard blocks[slot] > 0 else {
      blocks[slot] = UInt8(truncatingIfNeeded: 1 + random.below(UInt64(Self.slotPages)))
      return batch.put(base, .write, &count)
    }
    batch.put(base + random.below(UInt64(blocks[slot]) << 9) << 3, kind(), &count)
  }

  private mutating func free(_ slot: Int, _ batch: borrowing AccessBatch, _ count: inout Int) {
    guard blocks[slot] > 0 else { return use(slot, batch, &count) }
    batch.put(AccessRecord(.range, firstPage(slot)), &count)
    batch.put(AccessRecord(.unmap, UInt64(blocks[slot])), &count)
    blocks[slot] = 0
  }
}

/// How many pages the block in each slot of a heap has; 0 for a free slot.
final class HeapBlocks {
  private let sizes: Column<UInt8>

  init(_ slots: Int) { sizes = Column(count: slots) }

  subscript(slot: Int) -> UInt8 {
    get { sizes[slot] }
    set { sizes[slot] = newValue }
  }
}

/// A parent that forks without end: each child writes some of the shared pages, may execute another program and use as many pages of its own, and
/// ends; then the parent writes as many.
struct ForkStormGenerator: AccessGenerator {
  private enum Phase {
    case begin
    case fill(next: UInt64)
    case fork
    case child(left: UInt64)
    case program(left: UInt64)
    case end
    case parent(left: UInt64)
  }

  private let pages: UInt64
  /// How many pages a child writes.
  private let share: UInt64
  private let execs: UInt64
  private var phase = Phase.begin
  private var child: UInt64 = 1
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    pages = values["pages"]
    share = max(1, pages * values["writes"] / 100)
    execs = values["execs"]
    random = source.stream("fork-storm")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    switch phase {
    case .begin:
      batch.put(AccessRecord(.run, 1), &count)
      phase = .fill(next: 0)
    case .fill(let next):
      batch.put(GeneratedLayout.data + next << 12, .write, &count)
      phase = next + 1 < pages ? .fill(next: next + 1) : .fork
    case .fork:
      child += 1
      batch.put(AccessRecord(.fork, child), &count)
      batch.put(AccessRecord(.run, child), &count)
      phase = .child(left: share)
    case .child(let left):
      write(batch, &count)
      guard left == 1 else { return phase = .child(left: left - 1) }
      guard random.below(100) < execs else { return phase = .end }
      batch.put(AccessRecord(.exec), &count)
      phase = .program(left: share)
    case .program(let left):
      batch.put(GeneratedLayout.data + (left - 1) << 12, .write, &count)
      phase = left > 1 ? .program(left: left - 1) : .end
    case .end:
      batch.put(AccessRecord(.exit, child), &count)
      batch.put(AccessRecord(.run, 1), &count)
      phase = .parent(left: share)
    case .parent(let left):
      write(batch, &count)
      phase = left > 1 ? .parent(left: left - 1) : .fork
    }
  }

  private mutating func write(_ batch: borrowing AccessBatch, _ count: inout Int) {
    batch.put(GeneratedLayout.data + random.below(pages) << 12 + random.below(512) << 3, .write, &count)
  }
}

/// Processes that run in turn, each with a working set of its own at the same addresses. A timer may interrupt them for the host's sake.
struct SwitchesGenerator: AccessGenerator {
  private let words: UInt64
  private let writes: UInt64
  private let processes: UInt64
  private let every: UInt64
  private let exits: UInt64
  private var index: UInt64 = 0
  /// Accesses since the last exit.
  private var uninterrupted: UInt64 = 0
  private var process: UInt64 = 0
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    words = values["pages"] << 9
    writes = values["writes"]
    processes = values["processes"]
    every = values["every"]
    exits = values["exits"]
    random = source.stream("switches")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    if index == 0 {
      process = process % processes + 1
      batch.put(AccessRecord(.run, process), &count)
    }
    batch.put(GeneratedLayout.data + random.below(words) << 3, random.below(100) < writes ? .write : .read, &count)
    index = index + 1 == every ? 0 : index + 1
    guard exits > 0 else { return }
    uninterrupted += 1
    if uninterrupted == exits {
      batch.put(AccessRecord(.worldSwitch), &count)
      uninterrupted = 0
    }
  }
}
