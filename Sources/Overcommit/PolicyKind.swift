/// The policies that there are, by the names that scenarios and commands use.
public enum PolicyKind: String, CaseIterable, Sendable {
  /// Every guest keeps its maximum.
  case none
  /// Shares of what lies above the minima, toward a use of the host (Proxmox).
  case shareProportional = "share-proportional"
  /// Shares, with a tax on idle memory (ESX).
  case idleTax = "idle-tax"
  /// Every guest squeezed to the same fraction of its range (XenServer).
  case squeeze
  /// Thresholds of host and guest free memory (oVirt).
  case mom

  /// The policy with its default parameters.
  public func makePolicy() -> any OvercommitPolicy {
    switch self {
    case .none: StaticPolicy()
    case .shareProportional: ShareProportionalPolicy()
    case .idleTax: IdleTaxPolicy()
    case .squeeze: SqueezePolicy()
    case .mom: MomPolicy()
    }
  }
}
