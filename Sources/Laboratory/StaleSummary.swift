internal import Translation

/// What comparing each access with the truth found.
public struct StaleSummary: Hashable, Sendable {
  /// Accesses that went wrong because the hypervisor did not invalidate.
  public var byHypervisor: UInt64 = 0
  /// Those that went wrong because the guest did not.
  public var byGuest: UInt64 = 0
  /// Accesses compared.
  public var compared: UInt64 = 0
  /// The first of them, in words.
  public var findings: [String] = []

  /// All fields.
  public init(byHypervisor: UInt64 = 0, byGuest: UInt64 = 0, compared: UInt64 = 0, findings: [String] = []) {
    self.byHypervisor = byHypervisor
    self.byGuest = byGuest
    self.compared = compared
    self.findings = findings
  }

  /// What one detector found.
  init(_ detector: StaleTranslations) {
    self.init(
      byHypervisor: detector.byHypervisor, byGuest: detector.byGuest, compared: detector.compared,
      findings: detector.findings.map(\.description))
  }

  /// Adds what the detector of one virtual machine of several found; of its findings the first `limit`.
  mutating func add(_ detector: StaleTranslations, of vm: String, limit: Int) {
    byHypervisor += detector.byHypervisor
    byGuest += detector.byGuest
    compared += detector.compared
    findings += detector.findings.prefix(limit).map { "\(vm): \($0)" }
  }
}
