/// A program: the setup and the steps, as text that can be kept in a file or in a regression test.
public struct FuzzProgram: Hashable, Sendable {
  /// The machine.
  public var setup: FuzzSetup
  /// The steps.
  public var steps: [FuzzStep]

  /// A program.
  public init(setup: FuzzSetup, steps: [FuzzStep]) {
    self.setup = setup
    self.steps = steps
  }

  /// Reads what `description` writes: a line for the setup, then one for each step; empty lines and those that begin with # are skipped.
  /// - Throws: the first line that is neither.
  public init(parsing text: String) throws(FuzzProgramError) {
    setup = FuzzSetup()
    steps = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      if let setup = FuzzSetup(parsing: line) {
        self.setup = setup
      } else if let step = FuzzStep(parsing: line) {
        steps.append(step)
      } else {
        throw FuzzProgramError(line: String(line))
      }
    }
  }
}

extension FuzzProgram: CustomStringConvertible {
  /// The text.
  public var description: String { ([setup.description] + steps.map(\.description)).joined(separator: "\n") + "\n" }
}

/// A line that is no step.
public struct FuzzProgramError: Error, Hashable, CustomStringConvertible {
  /// The line.
  public var line: String

  /// An error of a line.
  public init(line: String) { self.line = line }

  /// What is wrong.
  public var description: String { "\"\(line)\" is neither a setup nor a step" }
}

/// What went wrong in a program, in which way of paging.
public struct FuzzFailure: Hashable, Sendable, CustomStringConvertible {
  /// The number of the step, from 0.
  public var step: Int
  /// The way of paging.
  public var way: String
  /// What differs.
  public var text: String
  /// Both.
  public var description: String { "step \(step), \(way): \(text)" }
}
