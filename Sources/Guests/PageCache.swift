internal import Addressing
internal import Columns
internal import PageContents

/// A guest's page cache: which pages of its files are in memory, and which of them to give up first.
///
/// Files are one run of pages, 0 ..< fileCount, followed by the programs' text. Pages are given up by a clock (second chance): each use
/// sets a page's mark, the hand takes marks away and takes the first unpinned page without one. Pages that processes map stay.
struct PageCache {
  private let image: ContentSpace
  private let own: ContentSpace
  private let ownPercent: Int
  private let fileCount: Int
  private let programs: [(name: String, first: Int, pages: Int)]

  /// Of each file page: its guest frame plus 1, or 0.
  private var frames: [UInt32]
  /// Of each file page: 1 if used since the hand passed; the count of processes that map it in the upper bits.
  private var uses: [UInt32]
  private var hand = 0
  /// Cached pages.
  private(set) var count = 0
  /// Of those, the ones that no process maps. Without any the clock need not go round.
  private var unpinned = 0

  init(image: ContentSpace, own: ContentSpace, filePages: Int, ownPercent: Int, programs: [(name: String, pages: Int)]) {
    self.image = image
    self.own = own
    self.ownPercent = ownPercent
    fileCount = filePages
    var first = filePages
    self.programs = programs.map { program in
      defer { first += program.pages }
      return (program.name, first, program.pages)
    }
    frames = Array(repeating: 0, count: first)
    uses = Array(repeating: 0, count: first)
  }

  /// The first page of a program's text.
  func text(of program: Int) -> Int { programs[program].first }

  /// What a page holds on disk.
  func content(of page: Int) -> PageContent {
    if page < fileCount {
      // Own and common pages are spread evenly over the files, as logs and data lie among what the image brought.
      let belongsToGuest = page * 37 % 100 < ownPercent
      return (belongsToGuest ? own : image).content(.file, UInt64(page))
    }
    guard let program = programs.last(where: { $0.first <= page }) else { return .zero }
    return image.content(.text, of: program.name, page: page - program.first)
  }

  /// The block that a page is read from. Two pages of one number, of whichever guests, hold the same bytes on disk: the image's files and
  /// programs are blocks that all its guests read, a guest's own files are blocks of its own. A content's name says where it comes from, so
  /// it will do.
  func block(of page: Int) -> UInt64 { content(of: page).rawValue }

  /// Where a page is cached; marks it used.
  mutating func find(_ page: Int) -> GuestFrame? {
    guard frames[page] != 0 else { return nil }
    uses[page] |= 1
    return GuestFrame(UInt64(frames[page] - 1))
  }

  mutating func insert(_ page: Int, at frame: GuestFrame) {
    frames[page] = UInt32(truncatingIfNeeded: frame.rawValue) + 1
    uses[page] = uses[page] & ~1
    count += 1
    if uses[page] < 2 { unpinned += 1 }
  }

  /// A process maps a cached page.
  mutating func pin(_ page: Int) {
    if uses[page] < 2 { unpinned -= 1 }
    uses[page] += 2
  }

  /// A process maps it no longer.
  mutating func unpin(_ page: Int) {
    uses[page] -= 2
    if uses[page] < 2 { unpinned += 1 }
  }

  /// Gives up the page that the clock finds; nil if every cached page is mapped by a process.
  mutating func evict() -> GuestFrame? {
    guard unpinned > 0 else { return nil }
    for _ in 0..<2 * frames.count {
      let page = hand
      hand = hand + 1 == frames.count ? 0 : hand + 1
      guard frames[page] != 0, uses[page] < 2 else { continue }
      if uses[page] & 1 == 1 {
        uses[page] &= ~1
        continue
      }
      let frame = GuestFrame(UInt64(frames[page] - 1))
      frames[page] = 0
      count -= 1
      unpinned -= 1
      return frame
    }
    return nil
  }
}
