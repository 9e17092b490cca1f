/// Why a processor left a guest for the hypervisor. The raw values are the names in results.
public enum ExitReason: String, CaseIterable, Sendable {
  /// Nested: the guest-physical map refused an access (Intel basic exit reason 48).
  case eptViolation = "ept_violation"
  /// Nested: an entry of the guest-physical map was malformed (reason 49).
  case eptMisconfiguration = "ept_misconfiguration"
  /// Nested, AMD's format: the guest-physical map refused an access (exit code 0x400).
  case nestedPageFault = "nested_page_fault"
  /// Nested: the page-modification log is full (reason 62).
  case modificationLogFull = "modification_log_full"
  /// Shadow: a page fault that the guest never sees: the shadow tables lacked what the guest's tables allow.
  case shadowPageFault = "shadow_page_fault"
  /// Shadow, direct: a page fault that the hypervisor passes on to the guest.
  case guestPageFault = "guest_page_fault"
  /// Shadow: a store to a write-protected guest table, which the hypervisor carries out.
  case pageTableWrite = "page_table_write"
  /// Shadow: a store to a write-protected level-1 table, which the guest may write unseen from then on.
  case pageTableUnsync = "page_table_unsync"
  /// Shadow, direct: a load of CR3.
  case cr3Load = "cr3_load"
  /// Shadow, direct: an INVLPG.
  case invlpg
  /// Shadow: an INVPCID.
  case invpcid
  /// Shadow: a write of CR0, CR4 or EFER.
  case controlRegisterWrite = "control_register_write"
  /// Direct: a hypercall, whatever it asks for and however much of it.
  case hypercall
  /// The guest notified its balloon device.
  case balloonNotify = "balloon_notify"
  /// A timer or a device needed the processor.
  case worldSwitch = "world_switch"

  var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// How often each reason was met.
public struct ExitCounts: Hashable, Sendable {
  private var counts = [UInt64](repeating: 0, count: ExitReason.allCases.count)

  /// All zero.
  public init() {}

  /// The count of a reason.
  public subscript(reason: ExitReason) -> UInt64 {
    get { counts[reason.index] }
    set { counts[reason.index] = newValue }
  }

  /// Exits of every reason.
  public var total: UInt64 { counts.reduce(0, +) }

  /// Adds another's counts.
  public static func += (a: inout ExitCounts, b: ExitCounts) {
    for index in a.counts.indices { a.counts[index] += b.counts[index] }
  }

  /// What was counted after an earlier reading of the same counts.
  public func since(_ earlier: ExitCounts) -> ExitCounts {
    var difference = self
    for index in counts.indices { difference.counts[index] -= earlier.counts[index] }
    return difference
  }
}
