/// How a guest's addresses are translated.
public enum PagingMode: String, CaseIterable, Sendable {
  /// As if there were no virtualization: the processor walks the guest's tables alone, and the rest is looked up for free.
  case native
  /// The processor walks the guest's tables and, for each address in them, the host's (EPT).
  case nested
  /// The hypervisor keeps shadow tables from guest virtual to host physical addresses.
  case shadow
  /// Shadow tables from the root down, and nested walks below where the guest's tables change often.
  case agile
  /// The guest's tables hold host frames and the processor walks them alone; the hypervisor checks every change that the guest asks for.
  case direct

  /// The modes that a guest cannot tell from hardware: it runs under them unchanged.
  public static let transparent: [PagingMode] = [.native, .nested, .shadow, .agile]
}
