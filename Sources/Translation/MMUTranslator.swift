internal import Addressing
internal import PageTables
internal import TranslationCaching

/// A translator that embeds a guest's processor: what it leaves to it.
protocol MMUTranslator: Translator, TLBMisses {
  var mmu: MMU { get }
}

extension MMUTranslator {
  var counters: TranslationCounters { mmu.counts.total }
  var staleTranslations: StaleTranslations? { mmu.staleTranslations }
  var controls: X86Controls { mmu.controls }

  func worldSwitch() { mmu.switchWorlds() }
  func forEachHeld(_ body: (HeldEntry) -> Void) { mmu.forEachHeld(body) }
}

/// A translator for guests whose tables hold guest-physical addresses.
protocol GuestTableTranslator: MMUTranslator {
  var tables: GuestTables { get }
}

extension GuestTableTranslator {
  func composition(of address: GuestVirtualAddress) -> ComposedTranslation {
    tables.composition(of: address, root: mmu.root, mmu.controls)
  }

  func forEachMapping<Failure: Error>(_ body: (X86Mapping) throws(Failure) -> Void) throws(Failure) {
    _ = try X86Mappings(root: mmu.root, controls: mmu.controls).forEach(word: tables.word, body)
  }
}
