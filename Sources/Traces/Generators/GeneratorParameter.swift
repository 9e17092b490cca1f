/// A parameter of a generator, a whole number: its name, what it is without a word from the user, and what it may be.
public struct GeneratorParameter: Sendable {
  /// Its name, as in `gen:random:pages=1024`.
  public let name: String
  /// What it is if nobody says.
  public let standard: UInt64
  /// What it may be.
  public let range: ClosedRange<UInt64>
  /// What it means, in a line.
  public let summary: String

  init(_ name: String, _ standard: UInt64, _ range: ClosedRange<UInt64>, _ summary: String) {
    self.name = name
    self.standard = standard
    self.range = range
    self.summary = summary
  }

  static func pages(_ standard: UInt64 = 65_536, _ range: ClosedRange<UInt64> = 1...1 << 32) -> GeneratorParameter {
    GeneratorParameter("pages", standard, range, "how many pages of 4 KiB the accesses fall into")
  }
  static let seed = GeneratorParameter("seed", 1, 0...UInt64.max, "the seed of every random choice")
  static func writes(_ standard: UInt64 = 30) -> GeneratorParameter {
    GeneratorParameter("writes", standard, 0...100, "how many of 100 accesses write")
  }
  static func accesses(_ standard: UInt64 = 10_000_000) -> GeneratorParameter {
    GeneratorParameter("accesses", standard, 0...UInt64.max, "after how many accesses the stream ends")
  }
  static func every(_ standard: UInt64, _ summary: String) -> GeneratorParameter {
    GeneratorParameter("every", standard, 1...1 << 40, summary)
  }
}

/// The values of a generator's parameters.
struct GeneratorValues: Sendable {
  /// The parameters and their values, in the order in which the generator lists them.
  private(set) var values: [(parameter: GeneratorParameter, value: UInt64)]

  init(_ parameters: [GeneratorParameter]) { values = parameters.map { ($0, $0.standard) } }

  /// The value of a parameter that the generator lists.
  subscript(name: String) -> UInt64 {
    guard let value = values.first(where: { $0.parameter.name == name })?.value else { preconditionFailure("no parameter \(name)") }
    return value
  }

  /// The value of a parameter whose range makes it an index.
  func count(_ name: String) -> Int { Int(clamping: self[name]) }

  /// "pages=16,seed=1".
  var text: String { values.map { "\($0.parameter.name)=\($0.value)" }.joined(separator: ",") }

  /// Reads "pages=16,seed=1" over the standard values.
  /// - Throws: what is wrong, in words.
  mutating func read(_ text: Substring) throws(GeneratorProblem) {
    var seen: [Substring] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2 else { throw GeneratorProblem("\"\(part)\" is not of the form key=value") }
      guard let index = values.firstIndex(where: { $0.parameter.name == sides[0] }) else {
        let known = values.map(\.parameter.name).joined(separator: ", ")
        throw GeneratorProblem("there is no parameter \"\(sides[0])\" here; known here: \(known)")
      }
      guard !seen.contains(sides[0]) else { throw GeneratorProblem("\(sides[0]) is given twice") }
      seen.append(sides[0])
      let parameter = values[index].parameter
      guard sides[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let value = UInt64(sides[1]), parameter.range.contains(value) else {
        let range = "from \(parameter.range.lowerBound) to \(parameter.range.upperBound)"
        throw GeneratorProblem("\(parameter.name) is \"\(sides[1])\"; it must be a whole number \(range)")
      }
      values[index].value = value
    }
  }
}

/// What is wrong with a generator's parameters.
struct GeneratorProblem: Error {
  let text: String
  init(_ text: String) { self.text = text }
}
