internal import Columns

/// The generators that there are: the registry. A case, a structure that conforms to `AccessGenerator`, its parameters and a line in `makeStream`.
public enum GeneratorKind: String, CaseIterable, Sendable {
  /// Word after word.
  case sequential
  /// Uniformly random words.
  case random
  /// Random read-modify-write updates.
  case gups
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
        GeneratorParameter("stride", 8, 1...1 << 30, "how many bytes further each access is"),
      ]
    case .random: [.pages(), .accesses(), .seed, .writes()]
    case .gups: [.pages(), .accesses(), .seed]
    case .goldenSequential, .goldenRandom: [.accesses(20_000_000)]
    }
  }

  /// Whether its streams hold events besides accesses.
  public var hasEvents: Bool { false }

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
    case .goldenSequential: stream(GoldenGenerator(isRandom: false), values, limit)
    case .goldenRandom: stream(GoldenGenerator(isRandom: true), values, limit)
    }
  }

  private func stream(_ generator: consuming any AccessGenerator & ~Copyable, _ values: GeneratorValues, _ limit: UInt64)
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
