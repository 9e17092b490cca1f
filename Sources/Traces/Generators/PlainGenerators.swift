internal import Addressing
internal import Columns

/// Word after word, from the first page to the last and again.
struct SequentialGenerator: AccessGenerator {
  private let bytes: UInt64
  private let stride: UInt64
  private let writes: UInt64
  private var offset: UInt64 = 0
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    bytes = values["pages"] << 12
    stride = values["stride"]
    writes = values["writes"]
    random = source.stream("sequential/kind")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    batch.put(GeneratedLayout.data + offset, random.below(100) < writes ? .write : .read, &count)
    offset += stride
    if offset >= bytes { offset %= bytes }
  }
}

/// Words of all pages, each equally likely.
struct UniformGenerator: AccessGenerator {
  private let words: UInt64
  private let writes: UInt64
  private var random: RandomStream
  private var kinds: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    words = values["pages"] << 9
    writes = values["writes"]
    random = source.stream("random/place")
    kinds = source.stream("random/kind")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    batch.put(GeneratedLayout.data + random.below(words) << 3, kinds.below(100) < writes ? .write : .read, &count)
  }
}

/// Random updates of a table (HPC Challenge, RandomAccess): a word is read and written again.
struct GupsGenerator: AccessGenerator {
  private let words: UInt64
  private var random: RandomStream

  init(_ values: GeneratorValues, _ source: RandomSource) {
    words = values["pages"] << 9
    random = source.stream("gups/place")
  }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    let address = GeneratedLayout.data + random.below(words) << 3
    batch.put(address, .read, &count)
    batch.put(address, .write, &count)
  }
}

/// The references of the golden TLB runs, whose counts two independent simulators agree on: every third reference fetches from 64 words of
/// code, the others read 1 GiB in order, or at random by xorshift64 (Marsaglia, 2003; shifts 13, 7, 17; seed 88172645463325252).
struct GoldenGenerator: AccessGenerator {
  private let isRandom: Bool
  private var index: UInt64 = 0
  private var state: UInt64 = 88_172_645_463_325_252

  init(isRandom: Bool) { self.isRandom = isRandom }

  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int) {
    if index % 3 == 0 {
      batch.put(GeneratedLayout.code + index % 64 * 4, .fetch, &count)
    } else {
      var place = index &* 8
      if isRandom {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        place = state
      }
      batch.put(GeneratedLayout.data + (place % (1 << 30) & ~7), .read, &count)
    }
    index &+= 1
  }
}
