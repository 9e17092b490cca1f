import TranslationFuzzing
@main struct MemlabSoak {
  static func main() throws {
    let arguments = CommandLine.arguments
    let first = UInt64(arguments[1])!
    let count = UInt64(arguments[2])!
    let length = Int(arguments[3])!
    let clock = ContinuousClock()
    let start = clock.now
    var failures = 0
    for seed in first..<first + count {
      let (program, failure) = try FuzzRun.hunt(seed: seed, steps: length)
      guard let failure else { continue }
      failures += 1
      print("seed \(seed): \(failure)")
      if arguments.count > 4, var shrinker = FuzzShrinker(program) {
        shrinker.shrink(limit: 3000)
        print(shrinker.program, shrinker.failure, shrinker.trials)
      }
    }
    print("\(Int(count) * length) steps, \(failures) failures in \(clock.now - start)")
  }
}
