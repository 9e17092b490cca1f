public import Addressing
public import PageContents
public import PageTables
public import TranslationCaching

/// Shadow paging (being written: every access is answered by the composed walk of a native translator).
public final class ShadowTranslator: Translator {
  /// `.shadow`.
  public let mode = PagingMode.shadow
  private let native: NativeTranslator

  /// A translator for one guest, whose shadow tables come from `frames`.
  public init(
    contents: FrameContents, map: GuestPhysicalMap, tlb: TLBHierarchy, vpid: VPID, frames: any TableFrameSource,
    shadowPageLimit: Int = ShadowTranslator.shadowPageLimit(guestPages: 1 << 20)
  ) {
    native = NativeTranslator(contents: contents, map: map, tlb: tlb, vpid: vpid, frames: frames)
  }

  /// KVM's default limit of shadow pages: 2 % of the guest's pages, at least 64 (Linux arch/x86/kvm/mmu/mmu.c).
  public static func shadowPageLimit(guestPages: UInt64) -> Int { Int(max(64, min(guestPages, 1 << 32) / 50)) }

  /// Counters.
  public var counters: TranslationCounters { native.counters }
  /// Loads CR3.
  public func loadCR3(_ root: GuestPhysicalAddress) { native.loadCR3(root) }
  /// Translates.
  public func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    native.translate(address, access, privilege)
  }
  /// INVLPG.
  public func invalidatePage(_ address: GuestVirtualAddress) { native.invalidatePage(address) }
  /// The map changed.
  public func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) { native.guestPhysicalMapChanged(frame, old: old) }
  /// Traps.
  public func storeTraps(_ frame: GuestFrame) -> Bool { false }
  /// Stored.
  public func guestTableStored(_ value: UInt64, at address: GuestPhysicalAddress) {}
  /// Replaced.
  public func guestPageReplaced(_ frame: GuestFrame) {}
  /// Aging.
  public func testAndClearAccessed(_ frame: GuestFrame) -> Bool { native.testAndClearAccessed(frame) }
  /// Held.
  public func forEachHeld(_ body: (GuestVirtualPage, HostFrame, Bool) -> Void) { native.forEachHeld(body) }
  /// Peek.
  public func peek(_ address: GuestVirtualAddress) -> HeldTranslation? { native.peek(address) }
  /// Destroy.
  public func destroy() { native.destroy() }
}
