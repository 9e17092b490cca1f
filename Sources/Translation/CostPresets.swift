extension CostPreset {
  /// A desktop processor of 2013 with EPT and cheap exits. Only the bare exit is published; what hypervisors do in one is assumed.
  public static let haswell2013: CostPreset = {
    let bare = "VM exit and entry on Haswell, 512 cycles (published comparison of microarchitectures)"
    func handled(_ work: UInt64, _ what: String) -> CostFigure { .assumed(512 + work, "\(bare), and \(work) assumed for \(what)") }
    return CostPreset(
      name: "haswell-2013", clockHertz: 3_400_000_000,
      access: .assumed(10, "three instructions an access, and a share of the data cache's misses"),
      l1Hit: .assumed(0, "hidden in the load's own latency"),
      l2Hit: .assumed(7, "second-level TLB hit as Intel's optimization manual gives it for this family"),
      walkReference: .assumed(12, "table entries hit in the second-level cache"),
      guestPageFault: .assumed(1000, "of the order of the native page fault of Adams and Agesen 2006, 1093 cycles"),
      exits: [
        .eptViolation: handled(2000, "finding or making the page's leaf"),
        .eptMisconfiguration: handled(500, "decoding"),
        .shadowPageFault: handled(3000, "walking the guest's tables and filling the shadow's"),
        .guestPageFault: handled(1500, "walking the guest's tables and injecting the fault"),
        .pageTableWrite: handled(3000, "emulating the store and removing shadow entries"),
        .pageTableUnsync: handled(1500, "making the table's page writable"),
        .cr3Load: handled(500, "finding the root"),
        .invlpg: handled(300, "dropping the page"),
        .invpcid: handled(500, "as a load of CR3"),
        .controlRegisterWrite: handled(1000, "finding the root of other roles"),
        .balloonNotify: handled(1000, "waking the device"),
      ])
  }()

  /// The first processors with virtualization support, without EPT: the measurements that made the case for it.
  public static let adamsAgesen2006: CostPreset = {
    let paper = "Adams and Agesen, ASPLOS 2006, 3.8 GHz Pentium 4, hardware VMM"
    let bare = "VM exit and entry on Prescott, 1926 cycles (published comparison of microarchitectures)"
    func handled(_ work: UInt64, _ what: String) -> CostFigure { .assumed(1926 + work, "\(bare), and \(work) assumed for \(what)") }
    return CostPreset(
      name: "adams-agesen-2006", clockHertz: 3_800_000_000,
      access: .assumed(10, "three instructions an access, and a share of the data cache's misses"),
      l1Hit: .assumed(0, "hidden in the load's own latency"),
      l2Hit: .assumed(7, "the processor has one level; as a later one's second level"),
      walkReference: .assumed(18, "table entries hit in the second-level cache"),
      guestPageFault: .published(1093, "Adams and Agesen, ASPLOS 2006, native page fault"),
      exits: [
        .eptViolation: handled(2000, "finding or making the page's leaf; the processor has no EPT"),
        .eptMisconfiguration: handled(500, "decoding; the processor has no EPT"),
        .shadowPageFault: .assumed(11242, "as a page fault that reaches the guest, \(paper)"),
        .guestPageFault: .published(11242 - 1093, "\(paper): a page fault costs 11242 cycles, of which 1093 are the native ones"),
        .pageTableWrite: .published(12733 - 1, "\(paper): modifying a page-table entry costs 12733 cycles, of which 1 is the native one"),
        .pageTableUnsync: .assumed(11242, "as a page fault, \(paper); nothing is emulated"),
        .cr3Load: handled(2000, "finding the root"),
        .invlpg: handled(1000, "dropping the page"),
        .invpcid: handled(2000, "as a load of CR3; the processor has none"),
        .controlRegisterWrite: handled(3000, "finding the root of other roles"),
        .balloonNotify: handled(2000, "waking the device"),
      ])
  }()
}
