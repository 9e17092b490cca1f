/// How a guest's addresses are translated.
public enum PagingMode: String, CaseIterable, Sendable {
  /// As if there were no virtualization: the processor walks the guest's tables alone, and the rest is looked up for free.
  case native
  /// The processor walks the guest's tables and, for each address in them, the host's (EPT).
  case nested
  /// The hypervisor keeps shadow tables from guest virtual to host physical addresses.
  case shadow
}
