/// How a guest's addresses are translated.
public enum PagingMode: String, CaseIterable, Sendable {
  /// No virtualization: the tables hold host frames.
  case native
  /// The processor walks the guest's tables and, for each address in them, the host's (EPT).
  case nested
  /// The hypervisor keeps shadow tables from guest virtual to host physical addresses.
  case shadow
}
