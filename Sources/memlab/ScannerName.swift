internal import ArgumentParser
internal import PageSharing
internal import RAMImages

/// Which scanner counts: the exact one, or a page sharer of the registry.
enum ScannerName: Equatable, ExpressibleByArgument, CaseIterable {
  case exact
  case sharer(ScannerKind)

  /// The exact count, and every sharer that does something.
  static var allCases: [ScannerName] { [.exact] + ScannerKind.allCases.filter { $0 != .none }.map { .sharer($0) } }
  static var allValueStrings: [String] { allCases.map(\.rawValue) }

  init?(argument: String) {
    guard let found = Self.allCases.first(where: { $0.rawValue == argument }) else { return nil }
    self = found
  }

  var rawValue: String {
    switch self {
    case .exact: "exact"
    case .sharer(let kind): kind.rawValue
    }
  }

  var defaultValueDescription: String { rawValue }

  /// What it does, in a line.
  var line: String {
    switch self {
    case .exact: "counts every content once: the most that any scanner can save"
    case .sharer(let kind): kind.summary
    }
  }

  /// Whether it has Linux KSM's knobs.
  var isKSM: Bool { rawValue == "ksm" || rawValue == "same-vm" }

  /// Why it cannot scan recorded memories; nil if it can.
  var reasonAgainst: String? {
    guard case .sharer(let kind) = self else { return nil }
    return ScannerScan.reasonAgainst(kind)
  }
}

/// `--sample 1/N`.
struct SampleRate {
  /// N.
  let oneIn: UInt64

  init(reading text: String) throws {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "1", let oneIn = UInt64(parts[1]), (1...ContentSampling.largestOneIn).contains(oneIn) else {
      throw ValidationError("it is 1/1 to 1/\(ContentSampling.largestOneIn)")
    }
    self.oneIn = oneIn
  }
}
