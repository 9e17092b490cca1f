/// The knobs of the scanner that shares inside domains only; those of KSM hold in every domain.
public struct SameVMSettings: Hashable, Sendable {
  /// Inside what pages are shared.
  public enum Domain: String, CaseIterable, Hashable, Sendable {
    /// One address space: a virtual machine.
    case space
    /// All address spaces of a tenant.
    case tenant
  }

  /// Inside what pages are shared. ESX with salting shares inside a virtual machine unless told otherwise; Windows combines pages inside
  /// one domain.
  public var domain = Domain.space

  /// The defaults.
  public init() {}
}
