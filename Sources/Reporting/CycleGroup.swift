internal import Laboratory

/// Causes of cycles that are shown together.
struct CycleGroup: Sendable {
  /// Its name in figures.
  let name: String
  /// Its name as a column's heading on a terminal.
  let heading: String
  let color: String
  /// Whether a cause belongs to it.
  let holds: @Sendable (String) -> Bool

  /// All groups; each cause is in one.
  static let all: [CycleGroup] = [
    CycleGroup(name: "access", heading: "access", color: Palette.free) { $0 == "access" },
    CycleGroup(name: "TLB hits", heading: "TLB hits", color: Palette.sky) { $0 == "l1_hit" || $0 == "l2_hit" },
    CycleGroup(name: "walks", heading: "walks", color: Palette.blue) { $0 == "walk" },
    CycleGroup(name: "page faults", heading: "faults", color: Palette.green) { $0 == "page_fault" },
    CycleGroup(name: "guest's kernel", heading: "kernel", color: Palette.purple) { $0 == "kernel" || $0 == "operations" },
    CycleGroup(name: "exits for memory", heading: "memory exits", color: Palette.vermillion) { memoryExits.contains($0) },
    CycleGroup(name: "hypercalls", heading: "hypercalls", color: Palette.yellow) { hypercalls.contains($0) },
    CycleGroup(name: "other exits", heading: "other exits", color: Palette.orange) {
      $0.hasPrefix("exit_") && !memoryExits.contains($0) && !hypercalls.contains($0)
    },
  ]

  /// Hypercalls of direct paging, with the updates that they carry and the entries that they check.
  private static let hypercalls: Set<String> = ["exit_hypercall", "hypercall_updates"]

  /// Exits for pages that the hypervisor has to find or fill in; the others are for what the guest does to its tables and its processor.
  private static let memoryExits: Set<String> = [
    "exit_ept_violation", "exit_ept_misconfiguration", "exit_nested_page_fault", "exit_modification_log_full", "exit_shadow_page_fault",
  ]
}
