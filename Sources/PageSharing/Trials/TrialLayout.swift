/// Where the spaces of a trial lie among the page ordinals of a scanner, and how much it needs.
public struct TrialLayout: Hashable, Sendable {
  /// The page ordinals of each space, in the order of creation.
  public private(set) var spaces: [Range<Int>] = []
  /// How many contents a table must hold for the trial.
  public private(set) var contentCount = 0
  /// The most pages that can be present at a time: what the trial may cost a kernel.
  public private(set) var pageCount = 0

  private var isAlive: [Bool] = []
  /// The pages of each space that may not be accessed, which are few.
  private var protected: [Set<Int>] = []

  fileprivate init() {}

  fileprivate mutating func take(_ step: TrialStep) -> String? {
    switch step {
    case .create(let pages):
      guard pages > 0, pages <= 1 << 30 else { return "a space has from 1 to 2^30 pages" }
      return add(pages, protected: [])
    case .copy(let space, let pages, let first):
      guard first >= 0, first <= 1 << 31 else { return "there is no content \(first)" }
      contentCount = max(contentCount, first + pages.count)
      return access(space, pages)
    case .fill(let space, let pages, let content):
      guard content >= 0, content < 1 << 31 else { return "there is no content \(content)" }
      contentCount = max(contentCount, content + 1)
      return access(space, pages)
    case .writeByte(let space, let page, let offset, _):
      guard (0..<4096).contains(offset) else { return "there is no byte \(offset) in a page" }
      guard (0..<(1 << 30)).contains(page) else { return "there is no page \(page)" }
      return access(space, page..<page + 1)
    case .read(let space, let pages): return access(space, pages)
    case .discard(let space, let pages), .merge(let space, let pages), .unmerge(let space, let pages): return range(space, pages)
    case .protect(let space, let pages): return protect(space, pages, true)
    case .unprotect(let space, let pages): return protect(space, pages, false)
    case .fork(let space):
      return life(space) ?? add(spaces[space].count, protected: protected[space])
    case .exit(let space):
      if let problem = life(space) { return problem }
      isAlive[space] = false
      return nil
    case .batch(let pages): return pages >= 1 && pages <= UInt64(UInt32.max) ? nil : "a batch has from 1 to 2^32 - 1 pages"
    case .useZeroPages, .smartScan, .unmergeAll, .scan, .observe: return nil
    }
  }

  private mutating func add(_ pages: Int, protected: Set<Int>) -> String? {
    guard pageCount + pages <= 1 << 30 else { return "the spaces have more than 2^30 pages" }
    spaces.append(pageCount..<pageCount + pages)
    pageCount += pages
    isAlive.append(true)
    self.protected.append(protected)
    return nil
  }

  private func life(_ space: Int) -> String? {
    guard spaces.indices.contains(space) else { return "there is no space \(space)" }
    return isAlive[space] ? nil : "space \(space) has ended"
  }

  private func range(_ space: Int, _ pages: Range<Int>) -> String? {
    if let problem = life(space) { return problem }
    guard pages.lowerBound >= 0, pages.upperBound <= spaces[space].count else { return "space \(space) has no pages \(pages)" }
    return pages.isEmpty ? "no pages are named" : nil
  }

  private func access(_ space: Int, _ pages: Range<Int>) -> String? {
    if let problem = range(space, pages) { return problem }
    return protected[space].contains(where: { pages.contains($0) }) ? "pages \(pages) of space \(space) may not be accessed" : nil
  }

  private mutating func protect(_ space: Int, _ pages: Range<Int>, _ value: Bool) -> String? {
    if let problem = range(space, pages) { return problem }
    if value { protected[space].formUnion(pages) } else { protected[space].subtract(pages) }
    return nil
  }
}

extension KSMTrial {
  /// Checks every step and gives each space its place.
  /// - Throws: the first step that cannot be carried out.
  public func layout() throws(TrialError) -> TrialLayout {
    var layout = TrialLayout()
    guard settings.maxPageSharing >= 2 else { throw TrialError(step: 0, problem: "max_page_sharing is at least 2") }
    for (index, step) in steps.enumerated() {
      if let problem = layout.take(step) { throw TrialError(step: index, problem: problem) }
    }
    return layout
  }
}
