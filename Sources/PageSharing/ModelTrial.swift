/// A trial carried out by the model: the scanner, on a memory of the laboratory's own.
public final class ModelTrial<Palette: PageSource>: TrialSubject {
  private struct Space {
    let pages: Range<Int>
    var id: SpaceID?
    var isAlive = true
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

  /// Does what a step says.
  public func carryOut(_ step: TrialStep) throws(ModelTrialError) {
    switch step {
    case .create: spaces.append(Space(pages: layout.spaces[spaces.count]))
    case .copy(let space, let pages, let first):
      for page in pages { memory.write(first + page - pages.lowerBound, to: ordinal(space, page)) }
    case .fill(let space, let pages, let content): for page in pages { memory.write(content, to: ordinal(space, page)) }
    case .writeByte(let space, let page, let offset, let value): memory.writeByte(value, at: offset, of: ordinal(space, page))
    case .read(let space, let pages): for page in pages { memory.read(ordinal(space, page)) }
    case .discard(let space, let pages): for page in pages { memory.discard(ordinal(space, page)) }
    case .merge(let space, let pages):
      guard pages.count == spaces[space].pages.count, spaces[space].id == nil else { throw .unsupported(step) }
      spaces[space].id = scanner.register(spaces[space].pages)
    case .exit(let space): exit(space)
    // Whether somebody may access a page is nothing to the scanner.
    case .protect, .unprotect: return
    case .batch(let pages): _ = scanner.scanBatch(pages: pages, in: memory)
    case .scan: scanner.scanFull(in: memory)
    case .observe: return
    case .unmerge, .fork, .useZeroPages, .smartScan, .unmergeAll: throw .unsupported(step)
    }
  }

  /// Reads all counters.
  public func observe(after step: Int) throws(ModelTrialError) -> TrialObservation {
    TrialObservation(step: step, counters: scanner.counters, spaces: spaces.map { $0.isAlive ? scanner.spaceCounters($0.pages) : nil })
  }

  private func ordinal(_ space: Int, _ page: Int) -> Int { spaces[space].pages.lowerBound + page }

  private func exit(_ space: Int) {
    spaces[space].isAlive = false
    if let id = spaces[space].id { scanner.unregister(id) }
    for page in spaces[space].pages { memory.discard(page) }
  }
}

/// What the model cannot do.
public enum ModelTrialError: Error, Hashable, Sendable {
  /// The step is none that the model knows.
  case unsupported(TrialStep)
}

extension KSMScanner {
  /// What the kernel would say of the process with these pages.
  func spaceCounters(_ pages: Range<Int>) -> KSMSpaceCounters {
    var counters = KSMSpaceCounters()
    for page in pages {
      let item = items[page]
      if item.state != .none { counters.rmapItems += 1 }
      if item.isZeroPlaced { counters.zeroPages += 1 }
      if item.state == .stable { counters.mergingPages += 1 }
    }
    return counters
  }
}
