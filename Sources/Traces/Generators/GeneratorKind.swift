internal import Columns

/// The generators that there are: the registry. A case, a structure that conforms to `AccessGenerator`, its parameters and a line in `makeStream`.
public enum GeneratorKind: String, CaseIterable, Sendable {
  /// Word after word.
  case sequential
  /// Uniformly random words.
  case random
  /// Random read-modify-write updates.
  case gups
  /// Pages by Zipf's law.
  case zipf
  /// A random cycle of pointers.
  case pointerChase = "pointer-chase"
  /// A graph's rows and the vertices that they lead to.
  case graph
  /// Calls, returns, and blocks that are mapped and unmapped.
  case stackHeap = "stack-heap"
  /// Children that are forked, write, execute and end.
  case forkStorm = "fork-storm"
  /// Ranges that are mapped, protected and unmapped, and forks.
  case ranges
  /// Processes in turn.
  case switches
  /// Entries of page tables that are rewritten.
  case pageTableWrites = "page-table-writes"
  /// System calls, port reads, faults and the like.
  case operations
  /// The golden run in order.
  case goldenSequential = "golden-seq"
  /// The golden run at random.
  case goldenRandom = "golden-rand"

  /// What begins the name of a generated stream.
  public static let prefix = "gen:"

  /// What it does, in a line.
  public var summary: String {
    switch self {
    case .sequential: "one word after another, from the first page to the last and again"
    case .random: "words of all pages, each equally likely"
    case .gups: "random words, each read and written again (HPC Challenge RandomAccess)"
    case .zipf: "pages by Zipf's law (exponent 1), the popular ones scattered over all"
    case .pointerChase: "a pointer in each page, all on one cycle in random order: every access depends on the one before"
    case .graph: "a power-law graph in compressed sparse rows: edges in order, the vertices they lead to at random"
    case .stackHeap: "a stack that grows and shrinks by calls and returns, a heap of blocks that are mapped and unmapped"
    case .forkStorm: "fork, copy-on-write by the child, exec, exit, and the parent's writes, again and again"
    case .ranges: "pages in use all the time, while ranges are mapped, protected, unmapped, and the process forks: batches of table updates"
    case .switches: "processes in turn, each with a working set of its own at the same addresses"
    case .pageTableWrites: "random accesses, and rewrites of page-table entries between them"
    case .operations: "random accesses and, between them, system calls, port reads, CR8 loads, call/returns, divisions by zero, page faults"
    case .goldenSequential: "the golden TLB run in order: a third fetches from one page of code, two thirds reads of 1 GiB word by word"
    case .goldenRandom: "the golden TLB run at random: as golden-seq, its reads placed by xorshift64"
    }
  }

  /// Its parameters, in the order of its full name.
  public var parameters: [GeneratorParameter] {
    switch self {
    case .sequential:
      [
        .pages(), .accesses(), .seed, .writes(),
        GeneratorParameter("stride", 8, 1...1 << 39, "how many bytes further each access is"),
      ]
    case .random: [.pages(), .accesses(), .seed, .writes()]
    case .gups: [.pages(), .accesses(), .seed]
    case .zipf: [.pages(65_536, 1...1 << 26), .accesses(), .seed, .writes()]
    case .pointerChase: [.pages(65_536, 1...1 << 28), .accesses(), .seed]
    case .graph:
      [
        .pages(65_536, 1...1 << 20), .accesses(), .seed, .writes(),
        GeneratorParameter("degree", 16, 1...1024, "about how many edges a vertex has on average"),
      ]
    case .stackHeap: [.pages(65_536, 32...1 << 28), .accesses(), .seed, .writes()]
    case .forkStorm:
      [
        .pages(4096, 1...1 << 28), .accesses(), .seed,
        GeneratorParameter("writes", 10, 0...100, "of 100 pages, how many a child writes, and how many the parent after it"),
        GeneratorParameter("execs", 50, 0...100, "how many of 100 children execute another program"),
      ]
    case .ranges:
      [
        .pages(1024, 1...1 << 28), .accesses(), .seed, .writes(10),
        GeneratorParameter("hot", 256, 1...1 << 28, "how many of the pages are in use all the time"),
        GeneratorParameter("range", 64, 1...1 << 28, "how many further pages are mapped, protected and unmapped at a time"),
        .every(1000, "after how many accesses the tables are changed"),
        GeneratorParameter("forks", 4, 0...1 << 40, "after how many lives of a range the process forks; 0: never"),
      ]
    case .switches:
      [
        .pages(1024), .accesses(), .seed, .writes(),
        GeneratorParameter("processes", 8, 1...1 << 20, "how many processes take turns"),
        .every(1000, "after how many accesses the next process runs"),
        GeneratorParameter(
          "exits", 0, 0...1 << 40, "after how many accesses a timer takes the processor from the guest and back; 0: never"),
      ]
    case .pageTableWrites:
      [.pages(), .accesses(), .seed, .writes(), .every(100, "after how many accesses an entry is rewritten")]
    case .operations:
      [.pages(1024), .accesses(), .seed, .writes(), .every(100, "after how many accesses there is an operation")]
        + OperationsGenerator.weights.map { GeneratorParameter($0, 1, 0...1 << 20, "the weight of this operation among all") }
    case .goldenSequential, .goldenRandom: [.accesses(20_000_000)]
    }
  }

  /// Whether its streams hold events besides accesses.
  public var hasEvents: Bool {
    switch self {
    case .stackHeap, .forkStorm, .ranges, .switches, .pageTableWrites, .operations: true
    case .sequential, .random, .gups, .zipf, .pointerChase, .graph, .goldenSequential, .goldenRandom: false
    }
  }

  /// Opens `gen:NAME[:key=value,...]`.
  static func open(_ source: String, limit: UInt64?) throws(TraceError) -> any AccessStream {
    let parts = source.dropFirst(prefix.count).split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = parts.first.flatMap({ GeneratorKind(rawValue: String($0)) }) else {
      let known = allCases.map(\.rawValue).joined(separator: ", ")
      throw TraceError(source, .usage, "there is no generator \"\(parts.first ?? "")\"; known here: \(known)")
    }
    var values = GeneratorValues(kind.parameters)
    do throws(GeneratorProblem) {
      if parts.count == 2 { try values.read(parts[1]) }
    } catch {
      throw TraceError(source, .usage, error.text)
    }
    return kind.makeStream(values, limit: limit ?? .max)
  }

  private func makeStream(_ values: GeneratorValues, limit: UInt64) -> any AccessStream {
    switch self {
    case .sequential: stream(SequentialGenerator(values, values.source), values, limit)
    case .random: stream(UniformGenerator(values, values.source), values, limit)
    case .gups: stream(GupsGenerator(values, values.source), values, limit)
    case .zipf: stream(ZipfGenerator(values, values.source), values, limit)
    case .pointerChase: stream(PointerChaseGenerator(values, values.source), values, limit)
    case .graph: stream(GraphGenerator(values, values.source), values, limit)
    case .stackHeap: stream(StackHeapGenerator(values, values.source), values, limit)
    case .forkStorm: stream(ForkStormGenerator(values, values.source), values, limit)
    case .ranges: stream(RangesGenerator(values, values.source), values, limit)
    case .switches: stream(SwitchesGenerator(values, values.source), values, limit)
    case .pageTableWrites: stream(PageTableWritesGenerator(values, values.source), values, limit)
    case .operations: stream(OperationsGenerator(values, values.source), values, limit)
    case .goldenSequential: stream(GoldenGenerator(isRandom: false), values, limit)
    case .goldenRandom: stream(GoldenGenerator(isRandom: true), values, limit)
    }
  }

  private func stream(_ generator: any AccessGenerator, _ values: GeneratorValues, _ limit: UInt64)
    -> any AccessStream
  {
    let text = values.text
    let name = Self.prefix + rawValue + (text.isEmpty ? "" : ":" + text)
    return GeneratorStream(name, generator, limit: min(limit, values["accesses"]), hasEvents: hasEvents)
  }
}

extension GeneratorValues {
  /// The source of the generator's random choices.
  var source: RandomSource { RandomSource(seed: self["seed"]) }
}
