internal import Columns
public import Translation

/// What stands between a rig and its translator: nothing, or something that a hunt shall catch.
public typealias FuzzWrap = (any Translator) -> any Translator

/// Runs programs, kept or made up.
public enum FuzzRun {
  /// Carries a program out, with an audit after every `auditEvery` steps and at its end.
  /// - Returns: the first failure; nil where every way of paging agrees with the rule.
  /// - Throws: where a rig cannot be set up, for a geometry that is none.
  public static func replay(
    _ program: FuzzProgram, auditEvery: Int = 1, wrap: FuzzWrap = { $0 }
  ) throws -> FuzzFailure? {
    let guest = try FuzzGuest(program.setup, wrap: wrap)
    for (number, step) in program.steps.enumerated() {
      guest.carryOut(step)
      // What is put off is put off over an audit too.
      if guest.failure == nil && (number + 1) % auditEvery == 0 { guest.audit() }
      if let failure = guest.failure { return FuzzFailure(step: number, way: failure.way, text: failure.text) }
    }
    guest.finish()
    return guest.failure.map { FuzzFailure(step: program.steps.count, way: $0.way, text: $0.text) }
  }

  /// Makes up a program of a number of steps from a seed, carrying it out on the way.
  /// - Parameter willTry: gets the line of the setup, and of each step before it is carried out.
  /// - Returns: the program, which ends with the step that failed, and the failure, if any.
  public static func hunt(
    seed: UInt64, steps: Int, ways: [FuzzWay] = FuzzWay.allCases, auditEvery: Int = 256, wrap: FuzzWrap = { $0 },
    willTry: (String) -> Void = { _ in }
  ) throws -> (program: FuzzProgram, failure: FuzzFailure?) {
    var random = RandomSource(seed: seed).stream("fuzz")
    let setup = FuzzSetup(&random, ways: ways)
    var program = FuzzProgram(setup: setup, steps: [])
    program.steps.reserveCapacity(steps)
    willTry(setup.description)
    var generator = FuzzGenerator(random, setup)
    let guest = try FuzzGuest(setup, wrap: wrap)
    for number in 0..<steps {
      let step = generator.next(guest)
      program.steps.append(step)
      willTry(step.description)
      guest.carryOut(step)
      if guest.failure == nil && (number + 1) % auditEvery == 0 { guest.audit() }
      if let failure = guest.failure { return (program, FuzzFailure(step: number, way: failure.way, text: failure.text)) }
    }
    guest.finish()
    return (program, guest.failure.map { FuzzFailure(step: steps, way: $0.way, text: $0.text) })
  }
}
