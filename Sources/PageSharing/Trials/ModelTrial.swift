internal import Addressing

/// A trial carried out by the model: the scanner, on a memory of the laboratory's own.
public final class ModelTrial<Palette: PageSource>: TrialSubject {
  private struct Space {
    let pages: Range<Int>
    var id: SpaceID?
    var isAlive = true
    /// Which pages may be merged.
    var isMergeable: [Bool]
  }

  /// The memory.
  public let memory: TrialMemory<Palette>
  /// The scanner.
  public let scanner: KSMScanner
  private let layout: TrialLayout
  private var spaces: [Space] = []

  /// A model in which nothing has happened yet.
  /// - Parameter palette: the contents that the trial's steps number, as many as `layout.contentCount` or more.
  public init(_ trial: KSMTrial, layout: TrialLayout, palette: Palette) {
    precondition(palette.pageCount >= layout.contentCount, "the trial names contents that its table does not have")
    self.layout = layout
    memory = TrialMemory(pageCount: layout.pageCount, palette: palette)
    scanner = KSMScanner(settings: trial.settings, capacity: layout.pageCount, frameCount: memory.frameCount)
    memory.zeroFrameLeft = { [scanner] in scanner.zeroPageLeft($0) }
  }

  /// Does what a step says. The model never fails.
  public func carryOut(_ step: TrialStep) throws(Never) {
    switch step {
    case .create:
      let pages = layout.spaces[spaces.count]
      spaces.append(Space(pages: pages, isMergeable: Array(repeating: false, count: pages.count)))
    case .copy(let space, let pages, let first):
      for page in pages { memory.write(first + page - pages.lowerBound, to: ordinal(space, page)) }
    case .fill(let space, let pages, let content): for page in pages { memory.write(content, to: ordinal(space, page)) }
    case .writeByte(let space, let page, let offset, let value): memory.writeByte(value, at: offset, of: ordinal(space, page))
    case .read(let space, let pages): for page in pages { memory.read(ordinal(space, page)) }
    case .discard(let space, let pages): for page in pages { memory.discard(ordinal(space, page)) }
    case .merge(let space, let pages): merge(space, pages)
    case .unmerge(let space, let pages): unmerge(space, pages)
    // Whether somebody may access a page is nothing to the scanner.
    case .protect, .unprotect: return
    case .fork(let space): fork(space)
    case .exit(let space): exit(space)
    case .useZeroPages, .smartScan: set(step)
    case .unmergeAll: scanner.unmergeAll(in: memory)
    case .batch(let pages): _ = scanner.scanBatch(pages: pages, in: memory)
    case .scan: scanner.scanFull(in: memory)
    case .observe: return
    }
  }

  /// Reads all counters.
  public func observe(after step: Int) throws(Never) -> TrialObservation {
    let own = spaces.map { space in space.isAlive ? space.id.map { scanner.statistics(of: $0) } ?? KSMProcessStatistics() : nil }
    return TrialObservation(step: step, counters: scanner.counters, spaces: own)
  }

  private func ordinal(_ space: Int, _ page: Int) -> Int { spaces[space].pages.lowerBound + page }

  private func ordinals(_ space: Int, _ pages: Range<Int>) -> Range<Int> {
    ordinal(space, pages.lowerBound)..<ordinal(space, pages.upperBound)
  }

  private func set(_ step: TrialStep) {
    var settings = scanner.settings
    if case .useZeroPages(let value) = step { settings.useZeroPages = value }
    if case .smartScan(let value) = step { settings.smartScan = value }
    scanner.set(settings)
  }

  private func mark(_ space: Int, _ pages: Range<Int>, _ value: Bool) {
    for page in pages { spaces[space].isMergeable[page] = value }
  }

  private func merge(_ space: Int, _ pages: Range<Int>) {
    mark(space, pages, true)
    if let id = spaces[space].id {
      scanner.makeMergeable(ordinals(space, pages), of: id)
    } else {
      spaces[space].id = scanner.register(spaces[space].pages, mergeable: [ordinals(space, pages)])
    }
  }

  private func unmerge(_ space: Int, _ pages: Range<Int>) {
    mark(space, pages, false)
    guard let id = spaces[space].id else { return }
    scanner.makeUnmergeable(ordinals(space, pages), of: id, in: memory)
  }

  /// The child of a space that is on the scanner's list is put on it too (mm/ksm.c, `ksm_fork`).
  private func fork(_ parent: Int) {
    let pages = layout.spaces[spaces.count]
    memory.fork(spaces[parent].pages, to: pages)
    var child = Space(pages: pages, isMergeable: spaces[parent].isMergeable)
    if let id = spaces[parent].id, scanner.isListed(id) {
      let mergeable = Self.runs(of: child.isMergeable).map { pages.lowerBound + $0.lowerBound..<pages.lowerBound + $0.upperBound }
      child.id = scanner.register(pages, mergeable: mergeable)
    }
    scanner.inheritZeroPages(from: spaces[parent].pages, to: pages)
    spaces.append(child)
  }

  private static func runs(of marks: [Bool]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var page = 0
    while page < marks.count {
      let end = marks[page...].prefix { $0 }.endIndex
      if end > page { runs.append(page..<end) }
      page = max(end, page + 1)
    }
    return runs
  }

  private func exit(_ space: Int) {
    spaces[space].isAlive = false
    if let id = spaces[space].id { scanner.unregister(id) }
    for page in spaces[space].pages { memory.discard(page) }
  }
}

extension KSMScanner {
  /// Whether a space is on the list; one of which nothing is mergeable is taken off when the scanner comes by.
  fileprivate func isListed(_ id: SpaceID) -> Bool { spaces.contains { $0.id == id } }

  /// The pages of a child map the zero page where those of its parent do, by the scanner's doing or not (mm/ksm.c, `ksm_fork`).
  fileprivate func inheritZeroPages(from parent: Range<Int>, to child: Range<Int>) {
    for (from, to) in zip(parent, child) where items[from].isZeroPlaced {
      var item = items[to]
      item.isZeroPlaced = true
      items[to] = item
      ksmZeroPages += 1
    }
  }
}
