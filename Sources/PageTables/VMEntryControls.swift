public import Addressing

/// The VM-execution controls that concern the translation of addresses, and what a processor checks of them when it enters a guest
/// (Intel SDM 27.2.1.1): where a rule is broken, the entry fails and no instruction of the guest runs.
public struct VMEntryControls: Hashable, Sendable {
  /// The EPTP; nil without "enable EPT".
  public var eptPointer: EPTPointer?
  /// The tag of the guest's translations; nil without "enable VPID".
  public var vpid: VPID?
  /// Where the page-modification log lies; nil without "enable PML".
  public var modificationLog: HostPhysicalAddress?
  /// "Mode-based execute control for EPT".
  public var modeBasedExecute = false

  /// No EPT, no VPID and nothing that needs them.
  public init() {}

  /// Why an entry with the controls fails.
  public enum Problem: Error, Hashable, Sendable {
    /// The VPID is 0, which is the host's own.
    case vpidZero
    /// The EPTP is not valid.
    case eptPointer(EPTPointer.Problem)
    /// "Enable PML" is set without "enable EPT".
    case modificationLogWithoutEPT
    /// The log's address is not that of a page, or beyond the processor's addresses.
    case modificationLogAddress
    /// "Mode-based execute control for EPT" is set without "enable EPT".
    case modeBasedExecuteWithoutEPT
  }

  /// The first reason for which the entry fails; nil where the controls pass.
  public func problem(physicalAddressBits: Int = NestedControls().physicalAddressBits) -> Problem? {
    if let vpid, vpid.rawValue == 0 { return .vpidZero }
    if let problem = eptPointer?.problem(physicalAddressBits: physicalAddressBits) { return .eptPointer(problem) }
    if let modificationLog {
      if eptPointer == nil { return .modificationLogWithoutEPT }
      let isInRange = modificationLog.rawValue >> UInt64(truncatingIfNeeded: max(12, min(physicalAddressBits, 52))) == 0
      if modificationLog.rawValue & 0xfff != 0 || !isInRange { return .modificationLogAddress }
    }
    return modeBasedExecute && eptPointer == nil ? .modeBasedExecuteWithoutEPT : nil
  }
}

extension VMEntryControls.Problem: CustomStringConvertible {
  /// The rule in plain words.
  public var description: String {
    switch self {
    case .vpidZero: "the VPID is 0, which is the host's own (Intel SDM 27.2.1.1)"
    case .eptPointer(.memoryType): "the EPTP's memory type is neither 0 nor 6 (Intel SDM 27.2.1.1)"
    case .eptPointer(.levels): "the EPTP names a number of levels that the processor does not have (Intel SDM 27.2.1.1)"
    case .eptPointer(.accessedDirty): "the EPTP asks for accessed and dirty bits, which the processor does not have (Intel SDM 27.2.1.1)"
    case .eptPointer(.reservedBits): "the EPTP has a reserved bit set (Intel SDM 27.2.1.1)"
    case .modificationLogWithoutEPT: "a page-modification log needs extended page tables (Intel SDM 27.2.1.1)"
    case .modificationLogAddress: "the page-modification log does not lie in a page that the processor can address (Intel SDM 27.2.1.1)"
    case .modeBasedExecuteWithoutEPT: "mode-based execute control needs extended page tables (Intel SDM 27.2.1.1)"
    }
  }
}
