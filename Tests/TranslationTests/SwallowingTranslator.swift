import Addressing
import Columns
import PageTables
import Translation
import TranslationFuzzing

/// What a broken machine or kernel might forget to tell its translator.
enum Swallowed: String, CaseIterable {
  /// The map lost a leaf: no INVEPT after sharing, swapping or moving.
  case mapChange
  /// The same under shadow paging: the reverse map is not asked.
  case mapChangeOfShadow
  /// The same under direct paging: the entries that name a moved frame are not rewritten.
  case mapChangeOfDirect
  /// INVLPG.
  case invlpg
  /// INVPCID.
  case invpcid
  /// A store to a shadowed table.
  case storeOfShadow
  /// A device's write of a shadowed table.
  case replacementOfShadow

  var way: FuzzWay {
    switch self {
    case .mapChange: .ept
    case .invlpg, .invpcid: .native
    case .mapChangeOfDirect: .direct
    case .mapChangeOfShadow, .storeOfShadow, .replacementOfShadow: .shadowInStep
    }
  }
}

/// A translator that is told everything but one thing.
final class SwallowingTranslator: Translator {
  private let inner: any Translator
  private let swallowed: Swallowed

  init(_ inner: any Translator, _ swallowed: Swallowed) {
    self.inner = inner
    self.swallowed = swallowed
  }

  var mode: PagingMode { inner.mode }
  var counters: TranslationCounters { inner.counters }
  var staleTranslations: StaleTranslations? { inner.staleTranslations }
  var controls: X86Controls { inner.controls }

  func invalidatePage(_ address: GuestVirtualAddress) { if swallowed != .invlpg { inner.invalidatePage(address) } }
  func invalidate(_ descriptor: INVPCID) { if swallowed != .invpcid { inner.invalidate(descriptor) } }
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    if ![.mapChange, .mapChangeOfShadow, .mapChangeOfDirect].contains(swallowed) { inner.guestPhysicalMapChanged(frame, old: old) }
  }
  func guestTableStored(at address: GuestPhysicalAddress) { if swallowed != .storeOfShadow { inner.guestTableStored(at: address) } }
  func guestPageReplaced(_ frame: GuestFrame) { if swallowed != .replacementOfShadow { inner.guestPageReplaced(frame) } }

  func setControls(_ controls: X86Controls) { inner.setControls(controls) }
  func loadCR3(_ value: GuestPhysicalAddress) { inner.loadCR3(value) }
  func worldSwitch() { inner.worldSwitch() }
  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    inner.translate(address, access, privilege)
  }
  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop { inner.translate(records, in: range) }
  var allowsRemapping: Bool { inner.allowsRemapping }
  func guestPageBacked(_ frame: GuestFrame) -> Bool { inner.guestPageBacked(frame) }
  func allowsStore(_ frame: GuestFrame) -> Bool { inner.allowsStore(frame) }
  func allowsRelease(_ frame: GuestFrame) -> Bool { inner.allowsRelease(frame) }
  func storeTraps(_ frame: GuestFrame) -> Bool { inner.storeTraps(frame) }
  func testAndClearAccessed(_ frame: GuestFrame) -> Bool { inner.testAndClearAccessed(frame) }
  func forEachHeld(_ body: (HeldEntry) -> Void) { inner.forEachHeld(body) }
  func peek(_ address: GuestVirtualAddress) -> HeldTranslation? { inner.peek(address) }
  func recordWalk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> WalkTranscript? {
    inner.recordWalk(address, access, privilege)
  }
  func forEachMapping<Failure: Error>(_ body: (X86Mapping) throws(Failure) -> Void) throws(Failure) { try inner.forEachMapping(body) }
  func destroy() { inner.destroy() }
}
