public import Addressing
internal import Columns

/// A scanner that merges pages of zeros with the zero page and looks for nothing else: what KubeVirt's users ask for, since zeros tell an
/// attacker nothing about other guests and are never searched for.
///
/// It is Linux KSM with `use_zero_pages` and without its trees. The checksum of a page must have been that of zeros at the page's last
/// visit too (the gate that KSM sets to all pages), so one bit is all that a page costs. The closed form: on memory that stays still, every
/// page of zeros is on the zero page after two rounds, and no other page is shared.
public final class ZeroOnlyScanner<Memory: ScannableMemory>: PageScanner {
  @usableFromInline let memory: Memory
  @usableFromInline let records: ZeroPageRecords
  /// All the work done so far.
  public internal(set) var work = ScanWork()
  /// The kernel's counters of scans and zero pages; the others stay 0.
  public internal(set) var counters = KSMCounters()

  /// A scanner that has seen nothing.
  /// - Parameter capacity: how many page ordinals there can be.
  @inlinable public convenience init(settings: ZeroOnlySettings, memory: Memory, capacity: Int) {
    self.init(memory: memory, records: ZeroPageRecords(settings, capacity: capacity))
  }

  @usableFromInline init(memory: Memory, records: ZeroPageRecords) {
    self.memory = memory
    self.records = records
  }

  /// Adds an address space.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { records.spaces.register(pages, tenant: tenant) }

  /// Ends an address space; its pages are given up at once.
  public func unregister(_ space: SpaceID) {
    guard let pages = records.spaces.unregister(space) else { return }
    records.round.leaveOut(space)
    for page in pages {
      zeroPageLeft(PageOrdinal(UInt32(truncatingIfNeeded: page)))
      records.forget(page)
    }
  }

  /// A page that was mapped to the zero page no longer is.
  public func zeroPageLeft(_ page: PageOrdinal) { if records.takeBack(page.index) { counters.ksmZeroPages -= 1 } }

  /// Looks at a number of pages that have a frame, or fewer up to the end of the round.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    records.round.scan(upTo: budget, &result) { visit($0, &$1) }
    finish(result)
    return result
  }

  @inlinable func visit(_ page: PageOrdinal, _ result: inout BatchResult) {
    switch memory.backing(of: page) {
    case .zeroFrame: records.forget(page.index)
    case .absent:
      zeroPageLeft(page)
      records.forget(page.index)
    case .stable:
      zeroPageLeft(page)
      records.forget(page.index)
      result.pagesScanned += 1
      result.work.visits += 1
    case .private(let frame):
      zeroPageLeft(page)
      result.pagesScanned += 1
      result.work.visits += 1
      result.work.bytesHashed += PageSize.size4K.bytes
      let isZeroSum = memory.ksmChecksum(of: frame) == ZeroPageRecords.zeroPageChecksum
      guard records.passesGate(page.index, isZeroSum) else { return }
      result.work.bytesCompared += PageSize.size4K.bytes
      if memory.placeZeroPage(at: page) {
        records.place(page.index)
        result.zeroPagesPlaced += 1
        result.work.merges += 1
      } else {
        result.work.failedMerges += 1
      }
    }
  }

  @usableFromInline func finish(_ result: BatchResult) {
    work += result.work
    counters.pagesScanned += result.pagesScanned
    counters.ksmZeroPages += result.zeroPagesPlaced
    if result.completedFullScan { counters.fullScans += 1 }
  }
}

/// The knobs of the scanner of zero pages.
public struct ZeroOnlySettings: Hashable, Sendable {
  /// Whether a page must have held zeros at its last visit too, as KSM demands of every page; otherwise it is merged at first sight.
  public var isGated = true

  /// The defaults.
  public init() {}
}

/// What the scanner of zero pages knows of each page, two bits, and where it stands.
@usableFromInline final class ZeroPageRecords {
  @usableFromInline static var zeroPageChecksum: UInt32 { KSMScanner.zeroPageChecksum }

  @usableFromInline let spaces: SpaceList
  @usableFromInline let round: ScanRound
  private let isGated: Bool
  private let heldZeros: BitColumn
  private let isPlaced: BitColumn

  @usableFromInline init(_ settings: ZeroOnlySettings, capacity: Int) {
    spaces = SpaceList(capacity: capacity)
    round = ScanRound(spaces, order: .linear, random: RandomStream(seed: 0))
    isGated = settings.isGated
    heldZeros = BitColumn(count: capacity)
    isPlaced = BitColumn(count: capacity)
  }

  /// Whether a page may be merged now; remembers what was seen.
  @usableFromInline func passesGate(_ page: Int, _ isZeroSum: Bool) -> Bool {
    let passes = isZeroSum && (heldZeros[page] || !isGated)
    if heldZeros[page] != isZeroSum { heldZeros[page] = isZeroSum }
    return passes
  }

  @usableFromInline func forget(_ page: Int) { if heldZeros[page] { heldZeros[page] = false } }

  @usableFromInline func place(_ page: Int) { isPlaced[page] = true }

  /// Whether the page had been placed, which it no longer is.
  @usableFromInline func takeBack(_ page: Int) -> Bool {
    guard isPlaced[page] else { return false }
    isPlaced[page] = false
    return true
  }
}
