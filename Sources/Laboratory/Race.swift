public import RAMImages
public import Scenarios
internal import Synchronization

/// A race: the variants of one scenario, each a run of its own.
///
/// The variants know nothing of each other: each has its host, its clock and its random numbers, derived from the seed that all have. So how many run at
/// a time changes nothing but the time that it takes.
public struct Race: Sendable {
  /// A variant that could not be set up.
  public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The variant's name.
    public let variant: String
    /// Why.
    public let error: ExperimentError

    /// The reason in plain words, to be printed after "error: ".
    public var description: String { "variant \"\(variant)\": \(error)" }
  }

  /// A variant and what its run found.
  public struct Entry: Equatable, Sendable {
    /// The variant.
    public var spec: VariantSpec
    /// What it found; nil if the race was interrupted before the variant's turn.
    public var result: RunResult?

    /// A variant with what it found.
    public init(spec: VariantSpec, result: RunResult?) {
      self.spec = spec
      self.result = result
    }
  }

  private let scenario: Scenario
  private let variants: [LoadedVariant]
  private let recordings: [String: IdentityTrace]
  private let streams: [String: String]
  private let audited: Bool
  private let checksStale: Bool

  /// Checks that every variant can be set up, so that none fails when others have run for long.
  /// - Parameters:
  ///   - loaded: a scenario with variants.
  ///   - recordings: the traces that any of their guests name, by the path in the scenario.
  ///   - streams: where the files of access streams lie, by the path in the scenario.
  ///   - audited: whether all laws are checked at every sample.
  ///   - checksStale: whether each access that completes is compared with the truth, and those that went wrong are reported; slow.
  public init(
    _ loaded: LoadedScenario, recordings: [String: IdentityTrace], streams: [String: String] = [:], audited: Bool,
    checksStale: Bool = false
  ) throws(Failure) {
    scenario = loaded.scenario
    variants = loaded.variants
    self.recordings = recordings
    self.streams = streams
    self.audited = audited
    self.checksStale = checksStale
    for variant in variants {
      do throws(ExperimentError) {
        _ = try Experiment(variant.scenario, recordings: recordings, streams: streams, audited: audited)
      } catch { throw Failure(variant: variant.name, error: error) }
    }
  }

  /// The virtual time that all variants together take; the greatest number where it would be more than that.
  public var totalNanoseconds: UInt64 { variants.reduce(0) { $0.addingSaturating($1.scenario.durationNanoseconds) } }

  /// Runs all variants.
  /// - Parameters:
  ///   - threads: how many run at a time.
  ///   - progress: told how far virtual time got, over all variants, at every sample of any; by one thread at a time.
  ///   - isInterrupted: asked before every event; once it says yes, the variants that run end with what they found, and no other begins.
  public func run(
    threads: Int, progress: @escaping @Sendable (UInt64) -> Void = { _ in }, isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) async throws(Failure) -> RaceResult {
    let clocks = Clocks(count: variants.count)
    let ended = await withTaskGroup(of: (Int, Result<RunResult, Failure>?).self) { group in
      var ended: [Int: Result<RunResult, Failure>] = [:]
      for index in variants.indices {
        if index >= max(1, threads), let (place, result) = await group.next() { ended[place] = result }
        group.addTask {
          guard !isInterrupted() else { return (index, nil) }
          return (index, one(index, { clocks.set(index, to: $0, then: progress) }, isInterrupted))
        }
      }
      return await group.reduce(into: ended) { $0[$1.0] = $1.1 }
    }
    var entries: [Entry] = []
    for (index, variant) in variants.enumerated() {
      let spec = VariantSpec(
        name: variant.name, description: variant.description, settings: variant.settings,
        expectations: scenario.variants.first { $0.name == variant.name }?.expectations ?? [])
      entries.append(Entry(spec: spec, result: try ended[index]?.get()))
    }
    return RaceResult(scenario: scenario, entries: entries, failedExpectations: [])
  }

  private func one(
    _ index: Int, _ progress: (UInt64) -> Void, _ isInterrupted: () -> Bool
  ) -> Result<RunResult, Failure> {
    do throws(ExperimentError) {
      let experiment = try Experiment(
        variants[index].scenario, recordings: recordings, streams: streams, audited: audited, checksStale: checksStale)
      return .success(experiment.run(progress: progress, isInterrupted: isInterrupted))
    } catch { return .failure(Failure(variant: variants[index].name, error: error)) }
  }
}

/// How far each variant of a race got.
private final class Clocks: Sendable {
  private let times: Mutex<[UInt64]>

  init(count: Int) { times = Mutex(Array(repeating: 0, count: count)) }

  func set(_ index: Int, to time: UInt64, then report: (UInt64) -> Void) {
    times.withLock { times in
      times[index] = time
      report(times.reduce(0) { $0.addingSaturating($1) })
    }
  }
}

/// What a race found.
public struct RaceResult: Equatable, Sendable {
  /// The scenario that the variants are of.
  public var scenario: Scenario
  /// The variants in the scenario's order.
  public var entries: [Race.Entry]
  /// Expectations that did not hold, each in words; those of a variant begin with its name.
  public var failedExpectations: [String]

  /// Whether all variants reached their ends.
  public var state: RunState { entries.allSatisfy { $0.result?.state == .complete } ? .complete : .partial }

  /// All fields.
  public init(scenario: Scenario, entries: [Race.Entry], failedExpectations: [String]) {
    self.scenario = scenario
    self.entries = entries
    self.failedExpectations = failedExpectations
  }
}
