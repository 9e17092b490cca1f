public import Addressing
public import Columns
public import PageTables

/// # Translation: from a guest's virtual address to a frame of the host
///
/// Two maps stand between an access and the host's memory: the guest's page tables, which the guest writes, and the guest-physical map,
/// which the hypervisor writes. A translator composes them in its own way. *Native* walks the guest's tables alone and looks
/// the rest up for free: the baseline. *Nested* walks both, as processors with EPT do: 24 references for 4 levels over 4. *Shadow* keeps a third
/// set of tables with the composition in it, which the processor walks in 4 references, and pays with exits to keep it true. *Direct* lets the
/// guest's tables hold host frames, and pays with hypercalls that check each of their entries. *Agile* walks shadow tables from the root and
/// goes over to nested ones where tables change often.
///
/// The invariant: *all of them give the same answer*, and leave the same A and D bits in the guest's tables: the guest cannot tell which one it runs
/// on, but for direct paging, where it knows its machine frames. `composedWalk` is that answer, computed naively, for audits and tests.
///
/// The second invariant: *no translation outlives its frame*. Once `guestPhysicalMapChanged` returns, no TLB, walk cache or shadow entry leads to
/// the old host frame any more, or allows writes that the map does not.
///
/// Where they may differ: in stale translations that the architecture lets a processor keep, between a guest's change of a table and
/// its INVLPG or CR3 load.
public protocol Translator: AnyObject {
  /// Which kind it is.
  var mode: PagingMode { get }

  /// What it has counted.
  var counters: TranslationCounters { get }

  /// What its shadow tables have come to; nil where it has none.
  var shadowStatistics: ShadowStatistics? { get }

  /// Who compares each access with the truth; nil where nobody does.
  var staleTranslations: StaleTranslations? { get }

  // MARK: The guest's instructions

  /// The control bits in force.
  var controls: X86Controls { get }

  /// The guest writes its control registers, EFER or PKRU. Other levels, or CR4.PGE or PCIDE changed, drop its TLB entries, global ones too.
  func setControls(_ controls: X86Controls)

  /// The guest loads CR3: bits 47:12 (51:12 as far as MAXPHYADDR allows) name the root table, with CR4.PCIDE bits 11:0 the PCID, and a set bit 63 keeps
  /// that PCID's translations. Otherwise the PCID's translations are dropped, but for global ones.
  func loadCR3(_ value: GuestPhysicalAddress)

  /// The guest executes INVLPG.
  func invalidatePage(_ address: GuestVirtualAddress)

  /// The guest executes INVPCID.
  func invalidate(_ descriptor: INVPCID)

  /// The processor leaves this guest for a moment, for whatever reason that is not the translator's own: without VPIDs its translations are lost.
  func worldSwitch()

  // MARK: Accesses

  /// Translates an access that does not cross a page.
  ///
  /// After `.mapped` the access is carried out at once, before any other call: under shadow paging a store to a table that is
  /// shadowed is let through once, with no translation kept.
  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome

  /// Translates accesses one after the other until one needs somebody's attention, or the stream has an event, or the range ends.
  ///
  /// Addresses must be canonical for 57 bits, as those of a stream are: a TLB's tag holds no more.
  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop

  // MARK: The hypervisor's changes

  /// The leaf of `frame` in the guest-physical map was removed, moved or write-protected, and the map already holds the new one:
  /// nothing may reach the old host frame any more. Not needed where an absent page became present or a right was added.
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry)

  /// Whether a store to this page that does not go through `translate` must be told to `guestTableStored` (shadow: it holds a
  /// shadowed table).
  func storeTraps(_ frame: GuestFrame) -> Bool

  /// The hypervisor has carried out a trapped store of a word at `address`, which is 8-byte aligned.
  func guestTableStored(at address: GuestPhysicalAddress)

  /// The whole content of a guest page was replaced other than by stores of words (by a device, or by a guest that reuses the page).
  func guestPageReplaced(_ frame: GuestFrame)

  /// For the host's reclaim clock: whether the page was accessed since the last call, and clears that. Where it was, cached
  /// translations are dropped, so that the next access is seen again.
  func testAndClearAccessed(_ frame: GuestFrame) -> Bool

  // MARK: Guests that know their machine frames

  /// The hypercalls that the guest changes its tables with; nil where it writes them.
  var paravirtual: (any ParavirtualPaging)? { get }

  /// Whether a frame of the guest's may be shared, swapped, made to trap or write-protected without the guest's help.
  var allowsRemapping: Bool { get }

  /// An absent guest frame has got a host frame of its own. Needed where the guest must learn which.
  /// - Returns: false where the host has no frame to note it in; it must be told again.
  func guestPageBacked(_ frame: GuestFrame) -> Bool

  /// Whether the guest may store to a page now other than through its tables. If not, that is a page fault of the guest's.
  func allowsStore(_ frame: GuestFrame) -> Bool

  /// Whether a page may be taken from the guest for good: nothing of the guest's refers to it.
  func allowsRelease(_ frame: GuestFrame) -> Bool

  // MARK: Audits

  /// For audits: every translation held, in shadow entries of every root and in live TLB entries. A page may come up several times.
  func forEachHeld(_ body: (HeldEntry) -> Void)

  /// What a walk now would give, without changing anything; for shadow paging only what the shadow already holds.
  func peek(_ address: GuestVirtualAddress) -> HeldTranslation?

  /// Every reference of a processor's walk of an address now, with no cache's help and without changing anything, counts included; nil where there
  /// are no tables to walk.
  func recordWalk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> WalkTranscript?

  /// Calls `body` with every mapping of the guest's current tables, addresses ascending, until it throws.
  func forEachMapping<Failure: Error>(_ body: (X86Mapping) throws(Failure) -> Void) throws(Failure)

  /// Gives every frame of its own back and drops the guest's TLB entries. The translator must not be used afterwards.
  func destroy()
}

extension Translator {
  /// Nil: most ways of paging have no shadow tables.
  public var shadowStatistics: ShadowStatistics? { nil }
}

/// A hypervisor that keeps nothing made from the guest's tables.
extension Translator {
  /// Never.
  public func storeTraps(_ frame: GuestFrame) -> Bool { false }
  /// Nobody needs to know.
  public func guestTableStored(at address: GuestPhysicalAddress) {}
  /// Nobody needs to know.
  public func guestPageReplaced(_ frame: GuestFrame) {}
}

/// A guest that cannot tell what it runs on.
extension Translator {
  /// None.
  public var paravirtual: (any ParavirtualPaging)? { nil }
  /// Always.
  public var allowsRemapping: Bool { true }
  /// Nobody needs to know.
  public func guestPageBacked(_ frame: GuestFrame) -> Bool { true }
  /// Always.
  public func allowsStore(_ frame: GuestFrame) -> Bool { true }
  /// Always.
  public func allowsRelease(_ frame: GuestFrame) -> Bool { true }
}

/// What INVPCID drops (Intel SDM volume 2, INVPCID): types 0 to 3.
@frozen public enum INVPCID: Hashable, Sendable {
  /// Type 0: one page of one PCID, but for global translations.
  case address(PCID, GuestVirtualAddress)
  /// Type 1: everything of one PCID, but for global translations.
  case context(PCID)
  /// Type 2: everything of every PCID, global translations too.
  case allWithGlobals
  /// Type 3: everything of every PCID, but for global translations.
  case all
}

/// Why a batch of accesses stopped.
@frozen public enum BatchStop: Hashable, Sendable {
  /// All were translated.
  case end
  /// At this index stands an event, which the guest's kernel or the machine carries out.
  case event(Int)
  /// The access at this index is refused by the guest's tables.
  case guestFault(Int, PageFaultErrorCode)
  /// The address at this index is one that no access may have.
  case generalProtection(Int)
  /// The access at this index is refused by the guest-physical map.
  case violation(Int, GuestViolation)

  /// An outcome at an index; `.end` for one that is none, an access that went ahead.
  init(_ outcome: TranslationOutcome, at index: Int) {
    switch outcome {
    case .mapped: self = .end
    case .guestFault(let code): self = .guestFault(index, code)
    case .generalProtection: self = .generalProtection(index)
    case .violation(let violation): self = .violation(index, violation)
    }
  }
}
