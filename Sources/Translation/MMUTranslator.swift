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
