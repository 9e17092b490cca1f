internal import Columns
internal import PageContents

extension PreparedTrial {
  /// A trial made at random from a seed: what nobody thought of trying. It is called "mixture" and the seed.
  ///
  /// A few spaces of pages of zeros, of contents that many pages hold, and of contents of their own; then rounds of writes, discards,
  /// forks, ends and whatever else a trial knows, with batches and full scans between them. Everything follows from the seed, on every
  /// machine.
  /// - Parameter rounds: how many full scans there are; nil lets the seed decide, from 6 to 15.
  public static func mixture(seed: UInt64, rounds: Int? = nil) -> PreparedTrial {
    var maker = MixtureMaker(seed: seed)
    let trial = maker.make(rounds: rounds)
    do throws(TrialError) { return try PreparedTrial(trial, contents: maker.contents) } catch {
      preconditionFailure("mixture \(seed) is no valid trial: \(error)")
    }
  }
}

/// What the mixture's maker knows of the spaces while it adds steps.
private struct MixtureMaker {
  private struct Space {
    var pages: Int
    var isAlive = true
    var isProtected: [Bool]
  }

  let seed: UInt64
  private var random: RandomStream
  private var steps: [TrialStep] = []
  private var spaces: [Space] = []
  /// Contents: zeros first, then those that many pages hold, then those that one page takes at a time.
  private(set) var contents: [PageContent] = [.zero]
  private var hotCount = 0
  private var settings = KSMTrial.plain

  init(seed: UInt64) {
    self.seed = seed
    random = RandomSource(seed: seed).stream("verify/mixture")
  }

  mutating func make(rounds: Int?) -> KSMTrial {
    settings.maxPageSharing = [2, 2, 3, 5, 5, 16, 256, 256][random.index(below: 8)]
    settings.smartScan = random.oneIn(2)
    settings.useZeroPages = random.oneIn(2)
    settings.mergeAcrossNodes = !random.oneIn(8)
    chooseContents()
    for _ in 0...random.index(below: 4) { addSpace() }
    let rounds = rounds ?? 6 + random.index(below: 10)
    for round in 0..<rounds {
      if round > 0 { for _ in 0..<random.index(below: 5) { change() } }
      if random.oneIn(3) {
        for _ in 0...random.index(below: 3) {
          steps.append(.batch(pages: 1 + random.below(120)))
          for _ in 0..<random.index(below: 4) { change() }
        }
      }
      steps.append(.scan)
    }
    return KSMTrial(name: "mixture \(seed)", settings: settings, steps: steps)
  }

  private mutating func chooseContents() {
    hotCount = 1 + random.index(below: 12)
    let base = random.below(1 << 40)
    for hot in 0..<hotCount {
      switch random.index(below: 4) {
      case 0: contents.append(.repeated(UInt8(1 + hot)))
      // Contents that differ in a few bytes far from their beginning.
      case 1: contents.append(.synthetic(seed: base, variant: UInt64(hot + 1)))
      default: contents.append(.synthetic(seed: base + UInt64(hot) + 1))
      }
    }
    for unique in 0..<200 + random.index(below: 300) {
      contents.append(.synthetic(seed: base + 1000 + UInt64(unique), variant: random.oneIn(4) ? random.below(1 << 20) : 0))
    }
  }

  private mutating func content() -> Int {
    switch random.index(below: 10) {
    case 0: 0
    case 1...6: 1 + random.index(below: hotCount)
    default: 1 + hotCount + random.index(below: contents.count - 1 - hotCount)
    }
  }

  private mutating func range(in count: Int, atMost: Int) -> Range<Int> {
    let length = 1 + random.index(below: min(count, atMost))
    let first = random.index(below: count - length + 1)
    return first..<first + length
  }

  private mutating func addSpace() {
    let count = 4 + random.index(below: random.oneIn(3) ? 400 : 60)
    let number = spaces.count
    steps.append(.create(pages: count))
    spaces.append(Space(pages: count, isProtected: Array(repeating: false, count: count)))
    var page = 0
    while page < count {
      let run = min(count - page, 1 + random.index(below: 12))
      fill(number, page..<page + run)
      page += run
    }
    if random.oneIn(4) {
      for _ in 0...random.index(below: 3) { steps.append(.merge(space: number, pages: range(in: count, atMost: count))) }
    } else if !random.oneIn(12) {
      steps.append(.merge(space: number, pages: 0..<count))
    }
  }

  private mutating func fill(_ space: Int, _ pages: Range<Int>) {
    switch random.index(below: 8) {
    case 0: return
    case 1: steps.append(.read(space: space, pages: pages))
    case 2: steps.append(.fill(space: space, pages: pages, content: content()))
    case 3:
      let first = random.index(below: contents.count - pages.count)
      steps.append(.copy(space: space, pages: pages, first: first))
    default: for page in pages { steps.append(.fill(space: space, pages: page..<page + 1, content: content())) }
    }
  }

  private mutating func change() {
    let living = spaces.indices.filter { spaces[$0].isAlive }
    guard let space = living.isEmpty ? nil : living[random.index(below: living.count)] else { return addSpace() }
    let count = spaces[space].pages
    switch random.index(below: 32) {
    case 0...12: write(space)
    case 13...15: writeBytes(space)
    case 16...17: steps.append(.discard(space: space, pages: range(in: count, atMost: 24)))
    case 18: access(space, atMost: 24) { .read(space: space, pages: $0) }
    case 19...20: steps.append(.unmerge(space: space, pages: random.oneIn(3) ? 0..<count : range(in: count, atMost: count)))
    case 21...23: steps.append(.merge(space: space, pages: random.oneIn(2) ? 0..<count : range(in: count, atMost: count)))
    case 24...25: fork(space)
    case 26: if living.count > 1 { exit(space) }
    case 27: if spaces.count < 8 { addSpace() }
    case 28: protect(space)
    case 29: steps.append(.useZeroPages(random.oneIn(2)))
    case 30: steps.append(.smartScan(random.oneIn(2)))
    default: steps.append(random.oneIn(3) ? .unmergeAll : .observe)
    }
  }

  /// Adds a step for each part of a random range that may be accessed.
  private mutating func access(_ space: Int, atMost: Int, _ step: (Range<Int>) -> TrialStep) {
    let pages = range(in: spaces[space].pages, atMost: atMost)
    var page = pages.lowerBound
    while page < pages.upperBound {
      let end = pages[page...].prefix { !spaces[space].isProtected[$0] }.endIndex
      if end > page { steps.append(step(page..<end)) }
      page = max(end, page + 1)
    }
  }

  private mutating func write(_ space: Int) {
    let content = content()
    let limit = contents.count - 1
    if random.oneIn(2) {
      access(space, atMost: 16) { .fill(space: space, pages: $0, content: content) }
    } else {
      access(space, atMost: 30) { .copy(space: space, pages: $0, first: min(content, limit - $0.count)) }
    }
  }

  private mutating func writeBytes(_ space: Int) {
    for _ in 0...random.index(below: 6) {
      let page = random.index(below: spaces[space].pages)
      guard !spaces[space].isProtected[page] else { continue }
      let offset = random.oneIn(2) ? random.index(below: 4096) : random.oneIn(2) ? 0 : 4095
      steps.append(.writeByte(space: space, page: page, offset: offset, value: UInt8(random.below(3))))
    }
  }

  private mutating func fork(_ space: Int) {
    guard spaces.count < 8 else { return }
    steps.append(.fork(space: space))
    spaces.append(spaces[space])
  }

  private mutating func exit(_ space: Int) {
    steps.append(.exit(space: space))
    spaces[space].isAlive = false
  }

  private mutating func protect(_ space: Int) {
    let pages = range(in: spaces[space].pages, atMost: 20)
    let value = random.oneIn(2)
    steps.append(value ? .protect(space: space, pages: pages) : .unprotect(space: space, pages: pages))
    for page in pages { spaces[space].isProtected[page] = value }
  }
}
