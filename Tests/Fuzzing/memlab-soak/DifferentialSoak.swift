import Foundation
import Synchronization
import TranslationFuzzing

/// Random programs, one seed each, until the steps are spent or one fails.
struct DifferentialSoak {
  private let options: SoakOptions

  init(_ options: SoakOptions) { self.options = options }

  /// - Returns: whether none failed.
  func run() -> Bool {
    let start = ContinuousClock.now
    let options = options
    let modes = options.modes.map(\.rawValue).joined(separator: ",")
    let done = Atomic(0)
    let failed = Atomic(0)
    let programs = (options.steps + options.length - 1) / options.length
    Workers.run(options.workers, count: programs) { worker, number in
      let seed = options.seed &+ UInt64(number)
      Watch.begin(worker, "steps \(seed) --length \(options.length) --modes \(modes)")
      do {
        let (program, failure) = try FuzzRun.hunt(seed: seed, steps: options.length, ways: options.modes)
        done.add(program.steps.count, ordering: .relaxed)
        guard let failure else {
          if (number + 1) % 1000 == 0 { Workers.say("seed \(seed) reached, \(Workers.seconds(since: start))") }
          return true
        }
        failed.add(1, ordering: .relaxed)
        Workers.say(Self.report(seed, program, failure))
      } catch {
        failed.add(1, ordering: .relaxed)
        Workers.say("seed \(seed): \(error)")
      }
      return false
    }
    let (steps, failures) = (done.load(ordering: .relaxed), failed.load(ordering: .relaxed))
    let seconds = Double((ContinuousClock.now - start).components.seconds)
    Workers.say(
      "differential: \(steps) steps from seed \(options.seed), \(options.modes.count) ways of paging, \(failures) programs failed, "
        + "\(Workers.seconds(since: start)), \(Int(Double(steps) / max(seconds, 1))) steps a second")
    return failures == 0
  }

  /// Carries the program of a seed out, and prints each step before.
  /// - Returns: whether it passes.
  func printSteps(_ seed: UInt64) throws(SoakError) -> Bool {
    do {
      let failure = try FuzzRun.hunt(seed: seed, steps: options.length, ways: options.modes, willTry: Workers.say).failure
      if let failure { Workers.say("# \(failure)") }
      return failure == nil
    } catch {
      throw SoakError("\(error)")
    }
  }

  /// The failure as it was met, and the shortest program that still fails, ready to be kept as a regression test.
  private static func report(_ seed: UInt64, _ program: FuzzProgram, _ failure: FuzzFailure) -> String {
    guard var shrinker = FuzzShrinker(program) else { return "seed \(seed): \(failure); it does not fail when replayed\n\(program)" }
    shrinker.shrink()
    return """
      seed \(seed): \(failure)
      # Shrunk to \(shrinker.program.steps.count) steps in \(shrinker.trials) trials: \(shrinker.failure)
      try FuzzProgram(parsing: \"\"\"
      \(shrinker.program)\"\"\")
      """
  }
}
