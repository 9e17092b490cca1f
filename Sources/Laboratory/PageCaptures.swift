internal import Addressing
internal import Columns
internal import Machine
internal import PageSharing

/// # Captures in a run: what lasts of the sharing that one snapshot shows
///
/// Who counts equal pages in one snapshot of guests that run counts pages that will differ a moment later. `memlab scan --captures` tells the
/// two apart for files; here a run captures its own guests. Every capture looks at all pages at one moment of virtual time and costs
/// the guests nothing.
///
/// The invariant: *a page is stable while every capture so far found it to hold what the first found*. So it takes the contents of the first
/// capture and a bit a page, and no capture has to be kept.
///
/// When it may not hold: a page that changed and changed back between two captures counts as stable; and what has no frame when a capture
/// is taken (swapped out, in a balloon, stored by the scanner as a patch) has not been seen, hence is not stable, though its guest may
/// find it unchanged.
final class PageCaptures {
  /// By page: what the first capture found; nothing that counts where the page is not stable.
  private let first: Column<UInt64>
  private let seen: BitColumn
  private let stable: BitColumn
  private var snapshots: [UInt64] = []
  private var savedStable: UInt64 = 0

  /// No captures of so many pages.
  init(pageCount: Int) {
    first = Column(count: pageCount)
    seen = BitColumn(count: pageCount)
    stable = BitColumn(count: pageCount)
  }

  /// Captures that were taken.
  var count: Int { snapshots.count }

  /// Takes a capture.
  /// - Parameter look: calls what it is given once for every page of every guest, with what the page holds.
  func take(_ look: ((PageOrdinal, HeldContent?) -> Void) -> Void) {
    var (all, lasting) = (ContentTally(), ContentTally())
    look { page, content in
      guard let content else { return stable[page.index] = false }
      if snapshots.isEmpty { (first[page.index], stable[page.index]) = (content.hash, true) }
      seen[page.index] = true
      all.add(content)
      if first[page.index] != content.hash { stable[page.index] = false }
      if stable[page.index] { lasting.add(content) }
    }
    snapshots.append(all.savedPages)
    savedStable = lasting.savedPages
  }

  /// What the captures showed so far.
  var summary: CaptureSummary {
    CaptureSummary(
      count: UInt64(count), pages: UInt64(seen.setCount), stablePages: UInt64(stable.setCount), savedPagesSnapshot: snapshots,
      savedPagesStable: savedStable)
  }
}

/// What a page holds, by the hash of 64 bits under which scanners index contents.
struct HeldContent {
  let hash: UInt64
  /// Whether the scanner mapped the page to the host's zero frame, so that it has none of its own.
  let isZeroPlaced: Bool

  /// What a page holds now; nil where it has no frame, nor had one that the scanner took. A page that was only read, never written, is such.
  init?(of page: PageOrdinal, on host: Host) {
    switch host.backing(of: page) {
    case .private(let frame), .stable(let frame): (hash, isZeroPlaced) = (host.indexHash(of: frame), false)
    case .zeroFrame where host.isZeroPlaced(page): (hash, isZeroPlaced) = (host.indexHash(of: host.zeroFrame), true)
    case .absent, .zeroFrame: return nil
    }
  }
}

/// Counts, over some pages, those that would need no frame of their own if every content were kept once.
struct ContentTally {
  private var hashes: [UInt64] = []
  private var placedZeroPages: UInt64 = 0

  /// Counts a page.
  mutating func add(_ content: HeldContent) {
    if content.isZeroPlaced { placedZeroPages += 1 } else { hashes.append(content.hash) }
  }

  /// The pages but one of every content, and every page that the scanner mapped to the zero frame: those need no frame at all.
  var savedPages: UInt64 {
    let sorted = hashes.sorted()
    return UInt64(zip(sorted, sorted.dropFirst()).count { $0 == $1 }) + placedZeroPages
  }
}
