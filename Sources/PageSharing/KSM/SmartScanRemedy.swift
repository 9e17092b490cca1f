/// What could be done about pages that smart_scan keeps from ever meeting: the laboratory's own proposals, none of them the kernel's.
///
/// Two equal pages that are not shared yet meet in the unstable tree, and only if both stand in it in one full scan. smart_scan takes the
/// pages that it skips out of that tree, and each page skips in a rhythm that began with its own first visit. So an old page that is
/// scanned in every ninth full scan and a duplicate that came to be later may pass each other for ever.
public enum SmartScanRemedy: String, CaseIterable, Sendable {
  /// Nothing, as in Linux 6.7 to 6.18.
  case none
  /// The rhythm has a phase that the page's checksum decides, not its first visit.
  ///
  /// Equal pages have equal checksums, so they are scanned in the same full scans; different pages are spread over all of them, so that no
  /// scan is heavier than others. It costs nothing: the checksum is kept anyway. Periods are powers of two, 2, 4 and 8 instead of 2, 3, 5
  /// and 9, so that a younger page is always scanned when an older one of its checksum is. A duplicate then merges at the old page's next
  /// turn after its first visit: at its ninth visit or before.
  case checksumPhase = "checksum-phase"
  /// A skipped page spares itself the checksum, but is searched for and stands in the unstable tree like others.
  ///
  /// A duplicate merges at its second scanned visit, as without smart_scan. What is left of smart_scan's saving is the checksum.
  case keepSkipped = "keep-skipped"
}

extension RmapItem {
  /// Decides, at a visit of an unmerged page, whether to skip it by the rhythm of its checksum, and counts the visit.
  /// - Parameter scan: the number of the full scan.
  @inlinable mutating func skipsThisVisit(inScan scan: UInt64) -> Bool {
    let age = visit
    visit = min(age + 1, RmapItem.oldestPhased)
    let period: UInt64 = age < 3 ? 1 : age <= 5 ? 2 : age <= 8 ? 4 : 8
    return (scan &+ UInt64(checksum)) & (period - 1) != 0
  }

  /// From this age on a page is scanned in every eighth full scan.
  @usableFromInline static let oldestPhased: UInt8 = 9
}
