public import Addressing
public import PageContents
public import PageTables
public import TranslationCaching

/// What a translator is made of besides its own state: the guest's memory and the processor that runs it.
public struct TranslatorParts {
  /// What the host's frames hold.
  public var contents: FrameContents
  /// The guest-physical map.
  public var map: GuestPhysicalMap
  /// The processor's TLB, which guests may share.
  public var tlb: TLBHierarchy
  /// The tag of the guest's translations, different for each guest of a TLB.
  public var vpid: VPID
  /// Where tables of the translator's own get their frames.
  public var frames: any TableFrameSource
  /// The guest's memory in pages.
  public var guestPages: UInt64
  /// Who compares each access with the truth; nil for nobody.
  public var staleTranslations: StaleTranslations?

  /// All parts but a detector of stale translations.
  public init(
    contents: FrameContents, map: GuestPhysicalMap, tlb: TLBHierarchy, vpid: VPID, frames: any TableFrameSource, guestPages: UInt64
  ) {
    self.contents = contents
    self.map = map
    self.tlb = tlb
    self.vpid = vpid
    self.frames = frames
    self.guestPages = guestPages
  }
}

extension PagingMode {
  /// A translator of this mode for one guest.
  public func makeTranslator(_ parts: TranslatorParts, _ options: PagingOptions = PagingOptions()) -> any Translator {
    switch self {
    case .native:
      HardwareTranslator(FreeDimension(map: parts.map), contents: parts.contents, mmu: MMU(parts))
    case .nested:
      HardwareTranslator(
        NestedDimension(parts, keepsAccessedDirty: options.nested.accessedDirty, usesVPID: options.usesVPID),
        contents: parts.contents, mmu: MMU(parts, usesVPID: options.usesVPID, ep4ta: parts.map.root))
    case .shadow: ShadowTranslator(parts, options)
    case .agile: AgileTranslator(parts, options)
    case .direct: DirectTranslator(parts, options)
    }
  }
}

extension TranslatorParts {
  /// What an exit makes a processor forget of a guest whose translations it does not tag.
  ///
  /// Without VPIDs, each exit and entry drops the linear and combined mappings of VPID 0, which all guests share (Intel SDM 29.4.3.1). A tag for
  /// each, dropped at the same moments, gives the same hits. What is known of the guest-physical map alone stays. Without an ASID of the guest's
  /// own, an AMD hypervisor has VMRUN flush all that the guest's ASID tags (APM volume 2, 15.16.1), what is known of the nested tables
  /// among it.
  func lossAtExit(isNested: Bool) -> TLBInvalidation {
    isNested && map.format == .npt ? .inveptContext(map.root) : .vmTransition(vpid)
  }
}
