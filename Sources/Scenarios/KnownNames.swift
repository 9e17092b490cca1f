internal import Overcommit
internal import Translation
internal import TranslationCaching

/// Names that a scenario can use for things that other modules define.
enum KnownNames {
  /// TLB presets.
  static let tlbs = TLBPreset.all.map(\.name)
  /// Cost presets.
  static let costs = CostPreset.all.map(\.name)
  /// Overcommit policies.
  static let policies = PolicyKind.allCases.map(\.rawValue)
  /// The sections of a run's summary, with which the path of an expectation begins.
  static let summarySections = ["seed", "host", "sharing", "vms", "virtual_ns", "audit", "captures"]

  /// Checks a TLB written as levels with entries and ways.
  /// - Throws: what is wrong with it, in words for its author.
  static func checkGeometry(_ text: String) throws(ValueProblem) {
    do throws(TLBGeometryError) {
      _ = try TLBGeometry(parsing: text)
    } catch {
      throw ValueProblem(error.problem.quotable(upTo: 200), note: "such as l1i=32x32,l1d=64x4,l2=1536x6")
    }
  }
}
