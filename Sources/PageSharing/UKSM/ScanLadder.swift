internal import Addressing
internal import Columns

/// UKSM's regions on four rungs, each of which may take a share of a processor.
///
/// Every region begins on the lowest rung, where memory is sampled at almost no cost. Samples that merge carry it upwards, rung by rung, to
/// where it is read at full speed; samples that do not, or merges that are written to soon after, carry it down again. A rung goes through
/// its regions in steps: of a region with `p` pages, `p / step` are looked at in a round, which ones a permutation of the region says. A
/// region that was seen in full goes back to the lowest rung and starts anew.
@usableFromInline final class ScanLadder {
  /// A region and what was seen of it.
  struct Region {
    let space: SpaceID
    let pages: Range<Int>
    var rung = 0
    /// The order in which its pages are looked at, and how many were in this pass.
    var order: PagePermutation
    var seen = 0
    /// Since it was judged: pages looked at, merged, and found to have been written to after a merge.
    var sampled: UInt64 = 0
    var merged: UInt64 = 0
    var broken: UInt64 = 0
    /// Since the round began: pages that another region's page was merged with.
    var wasMergedWith: UInt64 = 0
    /// How many looks at it count in the full scan under way, at most one a page, and which scan that is.
    var counted = 0
    var fullScan: UInt64 = 0
  }

  /// A rung.
  struct Rung {
    /// Its regions, by number.
    var members: [Int] = []
    /// Where it stands: a member, and how many pages into it.
    var member = 0
    var offset = 0
    var step = 1
    /// How many pages are left to look at in this wake-up.
    var quota: UInt64 = 0
    var isRoundOver = false
  }

  private(set) var regions: [Region?] = []
  private(set) var rungs = Array(repeating: Rung(), count: 4)
  private var random: RandomStream
  private let settings: UKSMSettings
  /// The region numbers by ascending pages.
  private var sorted: [Int] = []

  /// What a page takes, in nanoseconds: the moving average (`uksm_ema_page_time`, which begins with 500).
  private(set) var pageNanoseconds: UInt64 = 500
  /// Rounds of all rungs (`uksm_eval_round`) and full scans (`fully_scanned_round`) that are over.
  private(set) var rounds: UInt64 = 0
  @usableFromInline private(set) var fullScans: UInt64 = 0
  private var seenThisScan: UInt64 = 0
  private var totalPages: UInt64 = 0
  /// Pages looked at on each rung so far.
  private(set) var looks: [UInt64] = [0, 0, 0, 0]

  init(_ settings: UKSMSettings, random: RandomStream) {
    self.settings = settings
    self.random = random
    fillQuotas()
  }

  // MARK: Regions

  func add(_ space: SpaceID, _ pages: Range<Int>) {
    let size = settings.regionPages > 0 ? settings.regionPages : max(pages.count, 1)
    for first in stride(from: pages.lowerBound, to: pages.upperBound, by: size) {
      let part = first..<min(first + size, pages.upperBound)
      let region = Region(space: space, pages: part, order: PagePermutation(count: part.count, key: random.next()))
      let number = regions.firstIndex { $0 == nil } ?? regions.count
      if number < regions.count { regions[number] = region } else { regions.append(region) }
      totalPages += UInt64(part.count)
      enter(number, rung: 0)
    }
    sorted = regions.indices.filter { regions[$0] != nil }
    sorted.sort { lowerBound($0) < lowerBound($1) }
  }

  private func lowerBound(_ region: Int) -> Int { regions[region]?.pages.lowerBound ?? 0 }

  func remove(_ space: SpaceID) {
    for number in regions.indices {
      guard let region = regions[number], region.space == space else { continue }
      leave(number)
      totalPages -= UInt64(region.pages.count)
      if region.fullScan == fullScans { seenThisScan -= UInt64(region.counted) }
      regions[number] = nil
    }
    sorted.removeAll { regions[$0] == nil }
  }

  /// The region of a page.
  private func region(of page: Int) -> Int? {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if regions[sorted[middle]]?.pages.upperBound ?? 0 <= page { low = middle + 1 } else { high = middle }
    }
    guard low < sorted.count, regions[sorted[low]]?.pages.contains(page) == true else { return nil }
    return sorted[low]
  }

  /// The rung of a page's region.
  func rung(of page: Int) -> Int? { region(of: page).flatMap { regions[$0]?.rung } }

  /// A page was merged, at its own visit or at another page's.
  @usableFromInline func noteMerge(of page: Int, with other: Int?) {
    if let number = region(of: page) { regions[number]?.merged += 1 }
    if let other, let number = region(of: other) { regions[number]?.wasMergedWith += 1 }
  }

  /// A merged page was written to.
  @usableFromInline func noteBreak(of page: Int) {
    if let number = region(of: page) { regions[number]?.broken += 1 }
  }

  // MARK: Rungs

  private func enter(_ number: Int, rung: Int) {
    regions[number]?.rung = rung
    rungs[rung].members.append(number)
    if rungs[rung].members.count == 1 { begin(rung) }
  }

  /// Takes a region off its rung, which stands at the next one then if it stood there.
  private func leave(_ number: Int) {
    guard let rung = regions[number]?.rung, let place = rungs[rung].members.firstIndex(of: number) else { return }
    rungs[rung].members.remove(at: place)
    if place < rungs[rung].member {
      rungs[rung].member -= 1
    } else if place == rungs[rung].member {
      rungs[rung].offset = 0
      if place == rungs[rung].members.count { endRound(rung) }
    }
  }

  private func pages(on rung: Int) -> UInt64 { rungs[rung].members.reduce(0) { $0 + UInt64(regions[$1]?.pages.count ?? 0) } }

  /// How many pages a round can look at in its time, at least three (`RUNG_SAMPLED_MIN`), decides on the step.
  private func begin(_ rung: Int) {
    let affordable = settings.governor.coverMilliseconds[rung] * 100 * settings.governor.shares[rung] / pageNanoseconds
    rungs[rung].step = Int(max(1, pages(on: rung) / max(affordable, 3)))
    rungs[rung].member = 0
    rungs[rung].offset = 0
    move(rung, by: random.index(below: rungs[rung].step))
  }

  private func endRound(_ rung: Int) {
    rungs[rung].isRoundOver = true
    begin(rung)
  }

  /// Moves on by some pages, past the ends of regions; false if that is past the last one.
  @discardableResult private func move(_ rung: Int, by pages: Int) -> Bool {
    rungs[rung].offset += pages
    while rungs[rung].member < rungs[rung].members.count {
      let size = regions[rungs[rung].members[rungs[rung].member]]?.pages.count ?? 0
      if rungs[rung].offset < size { return true }
      rungs[rung].offset -= size
      rungs[rung].member += 1
    }
    return false
  }

  /// The next page of the lowest rung that has something left to do; nil when the wake-up is over.
  @usableFromInline func next() -> Int? {
    for rung in 0..<4 where rungs[rung].quota > 0 {
      guard rungs[rung].member < rungs[rung].members.count else {
        rungs[rung].quota = 0
        continue
      }
      let number = rungs[rung].members[rungs[rung].member]
      guard let region = regions[number] else { continue }
      rungs[rung].quota -= 1
      looks[rung] += 1
      return region.pages.lowerBound + region.order[region.seen]
    }
    return nil
  }

  /// The page that `next` gave was looked at: counts it, judges its region where the rung leaves it, and moves on.
  @usableFromInline func advance(past page: Int) {
    guard let number = region(of: page), var region = regions[number] else { return }
    region.seen += 1
    region.sampled += 1
    if region.fullScan != fullScans { (region.fullScan, region.counted) = (fullScans, 0) }
    if region.counted < region.pages.count {
      region.counted += 1
      seenThisScan += 1
    }
    let isSeen = region.seen == region.pages.count
    let rung = region.rung
    let isLeft = rungs[rung].offset + rungs[rung].step >= region.pages.count
    regions[number] = region
    guard isSeen || isLeft else { return rungs[rung].offset += rungs[rung].step }
    let target = judge(region, isSeen: isSeen)
    regions[number]?.sampled = 0
    regions[number]?.merged = 0
    regions[number]?.broken = 0
    if isSeen {
      regions[number]?.seen = 0
      regions[number]?.order = PagePermutation(count: region.pages.count, key: random.next())
    }
    // A region that was seen in full is left where it is; the offset goes on behind it.
    rungs[rung].offset = isLeft ? rungs[rung].offset : region.pages.count - rungs[rung].step
    if !move(rung, by: rungs[rung].step) { endRound(rung) }
    if target != rung {
      leave(number)
      enter(number, rung: target)
    }
  }

  /// Where a region belongs now (`judge_slot`).
  private func judge(_ region: Region, isSeen: Bool) -> Int {
    if isSeen && settings.thrashPercent > 0 { return 0 }
    let percent = duplicates(region.merged, broken: region.broken) * 100 / max(region.sampled, 1)
    return percent > 0 && percent >= settings.abundantPercent ? min(region.rung + 1, 3) : max(region.rung - 1, 0)
  }

  /// The merges that last; none where a region thrashes (`cal_dedup_ratio`).
  private func duplicates(_ merged: UInt64, broken: UInt64) -> UInt64 {
    guard merged > 0, settings.thrashPercent > 0 else { return merged }
    return broken * 100 / merged > settings.thrashPercent ? 0 : merged - min(broken, merged)
  }

  // MARK: Wake-ups and rounds

  /// How many pages each rung looks at in a wake-up: what its share of the time from one wake-up to the next allows, at least one.
  private func fillQuotas() {
    for rung in 0..<4 {
      let share = settings.governor.shares[rung]
      rungs[rung].quota = max(1, settings.sleepNanoseconds / (10_000 - share) * share / pageNanoseconds)
    }
  }

  /// What a wake-up looks at if it begins now.
  var quotas: [UInt64] { rungs.map { $0.members.isEmpty ? 0 : $0.quota } }

  /// A wake-up is over, in which some pages took some time.
  /// - Returns: whether a full scan, of a quarter of all pages as UKSM counts it, is over.
  @usableFromInline func endWakeUp(pages: UInt64, nanoseconds: UInt64) -> Bool {
    var ended = false
    if rungs.contains(where: { !$0.members.isEmpty }) && rungs.allSatisfy({ $0.members.isEmpty || $0.isRoundOver }) {
      endRounds()
      if seenThisScan > totalPages / 4 {
        (seenThisScan, ended) = (0, true)
        fullScans += 1
      }
    }
    if pages > 0 { average(nanoseconds / pages) }
    fillQuotas()
    return ended
  }

  /// The moving average of a page's time: a fifth of the new value, doubled at most where that is above ten times the average.
  private func average(_ nanoseconds: UInt64) {
    let isBurst = nanoseconds > pageNanoseconds * 10
    pageNanoseconds = max(1, isBurst ? pageNanoseconds * 2 : (20 * nanoseconds + 80 * pageNanoseconds) / 100)
    if pageNanoseconds > 100_000 || rounds & 0xff == 0xff { pageNanoseconds = 500 }
  }

  /// All rungs have been through: regions that others' pages were merged with climb as well (`round_update_ladder`).
  private func endRounds() {
    rounds += 1
    for rung in 0..<4 { rungs[rung].isRoundOver = false }
    for number in regions.indices {
      guard let region = regions[number], region.wasMergedWith > 0 else { continue }
      let percent = duplicates(region.wasMergedWith, broken: region.broken) * 100 / UInt64(max(region.pages.count, 1))
      regions[number]?.wasMergedWith = 0
      regions[number]?.broken = 0
      guard percent > 0, percent >= settings.abundantPercent, region.rung < 3 else { continue }
      leave(number)
      enter(number, rung: region.rung + 1)
    }
  }
}
