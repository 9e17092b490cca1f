extension CostPreset {
  /// Every preset, in the order in which lists show them.
  public static let all: [CostPreset] =
    [haswell2013, adamsAgesen2006, adamsAgesen2006Software] + microarchitectures

  private static let secondary = "(published comparison of microarchitectures, secondary)"
  private static let paper = "Adams and Agesen, ASPLOS 2006, 3.8 GHz Pentium 4"
  private static let accessCost = CostFigure.assumed(10, "three instructions an access, and a share of the data cache's misses")
  private static let firstLevelHit = CostFigure.assumed(0, "hidden in the load's own latency")

  /// A kernel's work at its tables on a processor of the last fifteen years.
  private static let kernelCosts = KernelCosts(
    tableStore: .published(1, "\(paper): a page-table entry is modified in 1 cycle"),
    cr3Load: .assumed(150, "a serializing load of a control register"),
    pageInvalidation: .assumed(150, "a serializing instruction"),
    pageCopy: .assumed(700, "4 KiB read and written out of and into the second-level cache at 6 bytes a cycle"))

  // MARK: Processors with EPT, or about to have it

  /// A desktop processor of 2013 with EPT and cheap exits. Only the bare exit is published; what hypervisors do in one is assumed.
  public static let haswell2013 = microarchitecture(
    "haswell-2013", "Haswell", megahertz: 3400, of: "a Core i7-4770, one of its kind", exit: 512)

  /// Processors from the last one before virtualization became cheap on, by the cost of a bare exit and entry; all else is as for `haswell-2013`.
  static let microarchitectures: [CostPreset] = [
    microarchitecture("prescott-2004", "Prescott", megahertz: 3800, of: "a Pentium 4 670, one of its kind", exit: 1926),
    microarchitecture("merom-2006", "Merom", megahertz: 2400, of: "a Core 2 Duo T7700, one of its kind", exit: 1156),
    microarchitecture("penryn-2007", "Penryn", megahertz: 2800, of: "a Core 2 Duo T9600, one of its kind", exit: 858),
    microarchitecture("westmere-2010", "Westmere", megahertz: 3400, of: "desktop processors of its kind, about", exit: 569),
    microarchitecture("sandy-bridge-2011", "Sandy Bridge", megahertz: 3400, of: "a Core i7-2600, one of its kind", exit: 507),
    microarchitecture("ivy-bridge-2012", "Ivy Bridge", megahertz: 3400, of: "a Core i7-3770, one of its kind", exit: 466),
    microarchitecture("broadwell-2014", "Broadwell", megahertz: 3300, of: "a Core i7-5775C, one of its kind", exit: 531),
  ]

  private static func microarchitecture(_ name: String, _ processor: String, megahertz: UInt64, of model: String, exit: UInt64)
    -> CostPreset
  {
    let bare = "VM exit and entry on \(processor), \(exit) cycles \(secondary)"
    func handled(_ work: UInt64, _ what: String) -> CostFigure { .assumed(exit + work, "\(bare), and \(work) assumed for \(what)") }
    return CostPreset(
      name: name, clock: .assumed(megahertz * 1_000_000, "base clock of \(model); that of the machine that was measured is not published"),
      access: accessCost, l1Hit: firstLevelHit,
      l2Hit: .assumed(7, "second-level TLB hit as Intel's optimization manual gives it for Haswell"),
      walkReference: .assumed(12, "table entries hit in the second-level cache"),
      guestPageFault: .assumed(1000, "of the order of the native page fault of Adams and Agesen 2006, 1093 cycles"),
      kernel: kernelCosts,
      hypercallUpdate: .assumed(150, "looking up the frame's type, checking the entry, counting references, storing it"),
      bareExit: .published(exit, bare),
      exits: [
        .eptViolation: handled(2000, "finding or making the page's leaf"),
        .eptMisconfiguration: handled(500, "decoding"),
        .nestedPageFault: handled(2000, "finding or making the page's leaf"),
        .modificationLogFull: handled(10000, "taking 512 pages from the log"),
        .shadowPageFault: handled(3000, "walking the guest's tables and filling the shadow's"),
        .guestPageFault: handled(1500, "walking the guest's tables and injecting the fault"),
        .pageTableWrite: handled(3000, "emulating the store and removing shadow entries"),
        .pageTableUnsync: handled(1500, "making the table's page writable"),
        .cr3Load: handled(500, "finding the root"),
        .invlpg: handled(300, "dropping the page"),
        .invpcid: handled(500, "as a load of CR3"),
        .controlRegisterWrite: handled(1000, "finding the root of other roles"),
        .hypercall: .assumed(200, "a system call to ring 0 and back, and the argument checks; the updates come on top"),
        .balloonNotify: handled(1000, "waking the device"),
        .worldSwitch: handled(500, "acknowledging the interrupt"),
      ],
      operations: [
        .systemCall: same(.assumed(100, "a system call and its return without anything done; under EPT and VT-x it does not exit")),
        .portInput: OperationCost(
          native: .published(3209, "\(paper): native"), virtual: handled(3209 + 1000, "the device's emulation, and the native access")),
        .cr8Write: same(.published(140, "\(paper): native, about; with a virtual APIC it does not exit")),
        .callReturn: same(.published(11, "\(paper): native")),
        .divideByZero: same(.published(889, "\(paper): native; under VT-x the fault need not exit")),
      ])
  }

  private static func same(_ figure: CostFigure) -> OperationCost { OperationCost(native: figure, virtual: figure) }

  // MARK: Adams and Agesen

  /// The first processors with virtualization support, without EPT: the measurements that made the case for it. The hypervisor uses that support
  /// and shadow paging.
  public static let adamsAgesen2006: CostPreset = {
    let bare = "VM exit and entry on Prescott, 1926 cycles \(secondary)"
    func handled(_ work: UInt64, _ what: String) -> CostFigure { .assumed(1926 + work, "\(bare), and \(work) assumed for \(what)") }
    return adamsAgesen(
      "adams-agesen-2006", bareExit: .published(1926, bare),
      exits: [
        .eptViolation: handled(2000, "finding or making the page's leaf; the processor has no EPT"),
        .eptMisconfiguration: handled(500, "decoding; the processor has no EPT"),
        .nestedPageFault: handled(2000, "finding or making the page's leaf; the processor has no nested paging"),
        .modificationLogFull: handled(10000, "taking 512 pages from the log; the processor has none"),
        .shadowPageFault: .assumed(11242, "as a page fault that reaches the guest, \(paper), hardware VMM"),
        .guestPageFault: .published(
          11242 - 1093, "\(paper), hardware VMM: a page fault costs 11242 cycles, of which 1093 are the native ones"),
        .pageTableWrite: .published(
          12733 - 1, "\(paper), hardware VMM: modifying a page-table entry costs 12733 cycles, of which 1 is the native one"),
        .pageTableUnsync: .assumed(11242, "as a page fault, \(paper), hardware VMM; nothing is emulated"),
        .cr3Load: handled(2000, "finding the root"),
        .invlpg: handled(1000, "dropping the page"),
        .invpcid: handled(2000, "as a load of CR3; the processor has none"),
        .controlRegisterWrite: handled(3000, "finding the root of other roles"),
        .hypercall: .assumed(500, "a software interrupt to ring 0 and back, and the argument checks; the updates come on top"),
        .balloonNotify: handled(2000, "waking the device"),
        .worldSwitch: handled(2000, "acknowledging the interrupt"),
      ], virtual: [15826, 140, 11, 1014], systemCall: 0, monitor: "hardware VMM")
  }()

  /// The same machine with VMware's software VMM: guest kernels run in binary translation, and what would exit is a call within the VMM.
  public static let adamsAgesen2006Software: CostPreset = {
    func within(_ cycles: UInt64, _ what: String) -> CostFigure { .assumed(cycles, "within the VMM, without an exit: \(what)") }
    return adamsAgesen(
      "adams-agesen-2006-software", bareExit: within(200, "a callout from translated code"),
      exits: [
        .eptViolation: .assumed(3927, "as a shadow page fault; the processor has no EPT"),
        .eptMisconfiguration: within(1000, "decoding; the processor has no EPT"),
        .nestedPageFault: .assumed(3927, "as a shadow page fault; the processor has no nested paging"),
        .modificationLogFull: within(10000, "taking 512 pages from the log; the processor has none"),
        .shadowPageFault: .assumed(3927, "as a page fault that reaches the guest, \(paper), software VMM"),
        .guestPageFault: .published(
          3927 - 1093, "\(paper), software VMM: a page fault costs 3927 cycles, of which 1093 are the native ones"),
        .pageTableWrite: .published(
          391 - 1, "\(paper), software VMM: modifying a page-table entry costs 391 cycles, of which 1 is the native one"),
        .pageTableUnsync: .assumed(391, "as a page-table entry modified, \(paper), software VMM"),
        .cr3Load: within(1000, "finding the root"),
        .invlpg: within(300, "dropping the page"),
        .invpcid: within(1000, "as a load of CR3; the processor has none"),
        .controlRegisterWrite: within(2000, "finding the root of other roles"),
        .hypercall: .assumed(500, "a software interrupt to ring 0 and back, and the argument checks; the updates come on top"),
        .balloonNotify: within(1000, "waking the device"),
        .worldSwitch: within(1000, "acknowledging the interrupt"),
      ], virtual: [214, 35, 51, 3223], systemCall: 2000, monitor: "software VMM")
  }()

  /// - Parameters:
  ///   - virtual: in, cr8 write, call and return, division by zero under the VMM.
  ///   - systemCall: what the VMM adds to a system call.
  private static func adamsAgesen(
    _ name: String, bareExit: CostFigure, exits: [ExitReason: CostFigure], virtual: [UInt64], systemCall: UInt64, monitor: String
  ) -> CostPreset {
    func pair(_ native: UInt64, _ place: Int) -> OperationCost {
      OperationCost(native: .published(native, "\(paper), native"), virtual: .published(virtual[place], "\(paper), \(monitor)"))
    }
    let call: UInt64 = 240
    return CostPreset(
      name: name, clock: .published(3_800_000_000, "\(paper): the machine that was measured"), access: accessCost, l1Hit: firstLevelHit,
      l2Hit: .assumed(7, "the processor has one level; as a later one's second level"),
      walkReference: .assumed(18, "table entries hit in the second-level cache"),
      guestPageFault: .published(1093, "Adams and Agesen, ASPLOS 2006, native page fault"),
      kernel: kernelCosts,
      hypercallUpdate: .assumed(390, "as a page-table entry modified under the software VMM"),
      bareExit: bareExit, exits: exits,
      operations: [
        .systemCall: OperationCost(
          native: .assumed(call, "a system call and its return; the paper gives no native figure"),
          virtual: .assumed(call + systemCall, "the native system call, and \(systemCall) more: \(paper), \(monitor), about")),
        .portInput: pair(3209, 0), .cr8Write: pair(140, 1), .callReturn: pair(11, 2), .divideByZero: pair(889, 3),
      ])
  }
}
