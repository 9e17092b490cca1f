/// Names that a scenario can use for things that other modules define.
enum KnownNames {
  /// TLB presets.
  static let tlbs = ["golden"]
  /// Cost presets.
  static let costs = ["haswell-2013"]
  /// Overcommit policies.
  static let policies = ["none", "share-proportional"]
  /// The sections of a run's summary, with which the path of an expectation begins.
  static let summarySections = ["host", "sharing", "vms", "virtual_ns", "audit"]

  /// Checks a TLB written as levels with entries and ways.
  /// - Throws: what is wrong with it, in words for its author.
  static func checkGeometry(_ text: String) throws(ValueProblem) {
    let levels = ["l1i", "l1d", "l2"]
    var seen: [Substring] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2 else { throw ValueProblem("\"\(String(part).quotable)\" is not a TLB level", note: "such as l1d=64x4") }
      guard levels.contains(String(sides[0])) else {
        let note = NearestName.note(for: String(sides[0]), among: levels)
        throw ValueProblem("\"\(String(sides[0]).quotable)\" is not a TLB level", note: note)
      }
      guard !seen.contains(sides[0]) else { throw ValueProblem("the TLB level \(sides[0]) is given twice") }
      seen.append(sides[0])
      let numbers = sides[1].split(separator: "x", omittingEmptySubsequences: false).map { UInt32($0) ?? 0 }
      guard numbers.count == 2, numbers.allSatisfy({ (1...65536).contains($0) }) else {
        throw ValueProblem("\"\(String(sides[1]).quotable)\" is not entries x ways", note: "such as 64x4, each from 1 to 65536")
      }
      guard numbers[0] % numbers[1] == 0 else {
        throw ValueProblem("\(numbers[0]) entries cannot be divided into sets of \(numbers[1]) ways")
      }
    }
  }
}
