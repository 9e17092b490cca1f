public import Addressing
public import PageTables

/// # Translation: from a guest's virtual address to a frame of the host
///
/// Two maps stand between an access and the host's memory: the guest's page tables, which the guest writes, and the guest-physical map,
/// which the hypervisor writes. A translator composes them in its own way. *Native* walks the guest's tables alone and looks
/// the rest up for free: the baseline. *Nested* walks both, as processors with EPT do: 24 references for 4 levels over 4. *Shadow* keeps a third
/// set of tables with the composition in it, which the processor walks in 4 references, and pays with exits to keep it true.
///
/// The invariant: *all of them give the same answer*, and leave the same A and D bits in the guest's tables: the guest cannot tell which one it runs
/// on. `composedWalk` is that answer, computed naively, for audits and tests.
///
/// The second invariant: *no translation outlives its frame*. Once `guestPhysicalMapChanged` returns, no TLB or shadow entry leads to
/// the old host frame any more, or allows writes that the map does not.
///
/// Where they may differ: in stale translations that the architecture lets a processor keep, between a guest's change of a table and
/// its INVLPG or CR3 load.
public protocol Translator: AnyObject {
  /// Which kind it is.
  var mode: PagingMode { get }

  /// What it has counted.
  var counters: TranslationCounters { get }

  /// The guest loads CR3 with the address of a root table; bits outside 47:12 are ignored. Drops the guest's TLB entries.
  func loadCR3(_ root: GuestPhysicalAddress)

  /// Translates an access that does not cross a page.
  ///
  /// After `.mapped` the access is carried out at once, before any other call: under shadow paging a store to a table that is
  /// shadowed is let through once, with no translation kept.
  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome

  /// The guest executes INVLPG.
  func invalidatePage(_ address: GuestVirtualAddress)

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

  /// For audits: every translation held, in shadow entries of every root and in live TLB entries. A page may come up several times.
  func forEachHeld(_ body: (HeldEntry) -> Void)

  /// What a walk now would give, without changing anything; for shadow paging only what the shadow already holds.
  func peek(_ address: GuestVirtualAddress) -> HeldTranslation?

  /// Gives every frame of its own back and drops the guest's TLB entries. The translator must not be used afterwards.
  func destroy()
}
