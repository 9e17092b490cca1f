internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

/// The shadow pages of one guest: found by guest frame and role, linked into trees under roots, with a reverse map from guest frames to
/// leaves.
///
/// The invariants: every present leaf stands in the list of its guest frame and nowhere else; every present link stands among its child's
/// parents; no leaf that maps a frame with a shadowed table in step is writable: `make` takes W from the leaves that exist, and whoever
/// adds a leaf asks `isTracked`. A page that lost its last parent stays, write-protection and all, in the hope of being used again (as in
/// KVM), until others need its place: the oldest goes first, unless it is a root in the root cache.
///
/// All of it lies in columns, found by frame, number or slot: nothing is hashed, and nothing but a frame for a table is allocated after the
/// start.
final class ShadowPages {
  let contents: FrameContents
  private let frames: any TableFrameSource
  /// The most pages that there may be.
  let limit: Int
  let pages: Column<ShadowPage>
  let nodes: Column<ShadowNode>
  /// Of each page eight words, a bit an entry: whether an unsync page may be found below it.
  let unsyncBits: Column<UInt64>
  /// Of each guest frame: the first slot of its 4 KiB leaves and switches, the first shadow page of the table in it, and the first direct
  /// page of a piece that begins there; of each 2 MiB and each 1 GiB the first slot of their leaves; of each 2 MiB how many shadow pages
  /// its tables have.
  let leafHeads: Column<UInt32>
  let largeHeads: Column<UInt32>
  let hugeHeads: Column<UInt32>
  let tablesInRegion: Column<UInt32>
  let tableHeads: Column<UInt32>
  let directHeads: Column<UInt32>

  private var spare: [HostFrame] = []
  private var firstFree: UInt32 = 0
  private var unused: UInt32 = 1
  private var oldest: UInt32 = 0
  private var newest: UInt32 = 0
  private var serial: UInt64 = 0
  /// What happened.
  var statistics = ShadowStatistics()
  /// Whether an entry that a TLB may have a copy of was removed or lost a right since the flag was last cleared.
  var hasStale = false
  /// Whether a table's frame was write-protected since the flag was last cleared. Translations that a nested walk made have no entry to
  /// tell of them.
  var hasNewlyProtected = false

  /// The most pages that one fault makes: one a level.
  static let reserveForFault = 5
  /// A slot must fit in 32 bits, and 2^20 pages, 4 GiB of tables, are the 2 % of a guest of 200 GiB.
  static let mostPages = 1 << 20

  init(contents: FrameContents, frames: any TableFrameSource, limit: Int, guestPages: UInt64) {
    self.contents = contents
    self.frames = frames
    self.limit = min(max(limit, Self.reserveForFault), Self.mostPages)
    pages = Column(count: self.limit + 1, isSparse: true)
    nodes = Column(count: (self.limit + 1) * X86Index.entriesPerTable, isSparse: true)
    unsyncBits = Column(count: (self.limit + 1) * 8, isSparse: true)
    let guestFrames = Int(min(guestPages, GuestPhysicalMap.frameLimit))
    leafHeads = Column(count: guestFrames, isSparse: true)
    largeHeads = Column(count: guestFrames >> 9 + 1, isSparse: true)
    hugeHeads = Column(count: guestFrames >> 18 + 1, isSparse: true)
    tablesInRegion = Column(count: guestFrames >> 9 + 1, isSparse: true)
    tableHeads = Column(count: guestFrames, isSparse: true)
    directHeads = Column(count: guestFrames, isSparse: true)
    spare.reserveCapacity(Self.reserveForFault)
  }

  /// How many shadow pages there are.
  var count: Int { Int(statistics.pages) }
  /// Frames in use, those in reserve included.
  var frameCount: Int { count + spare.count }

  /// Whether a guest frame is one of the guest's memory: others are not shadowed.
  func covers(_ frame: GuestFrame) -> Bool { frame.rawValue < UInt64(leafHeads.count) }

  // MARK: Entries

  @inline(__always) func slot(_ number: UInt32, _ index: Int) -> UInt32 { number << 9 | UInt32(truncatingIfNeeded: index) }

  @inline(__always) private func place(_ slot: UInt32) -> HostPhysicalAddress {
    HostPhysicalAddress(pages[Int(slot >> 9)].table.address.rawValue | UInt64(slot & 511) << 3)
  }

  func entry(_ slot: UInt32) -> X86Entry { X86Entry(rawValue: contents.load(place(slot))) }

  func setEntry(_ entry: X86Entry, _ slot: UInt32) { contents.store(entry.rawValue, place(slot)) }

  func kind(_ entry: X86Entry, _ slot: UInt32) -> ShadowKind { entry.shadowKind(level: pages[Int(slot >> 9)].role.level) }

  /// Whether a page is the one that it was when it had this serial number.
  func isAlive(_ number: UInt32, serial: UInt64) -> Bool { serial != 0 && pages[Int(number)].serial == serial }

  // MARK: Finding and making pages

  /// Makes sure that `wanted` pages can be made, giving up others for them: the oldest, roots in the root cache last of all.
  /// - Returns: false where the host has no frames even so. Any page may be gone afterwards.
  func reserve(_ wanted: Int) -> Bool {
    while spare.count < wanted || count + wanted > limit {
      if count + wanted <= limit, let frame = frames.allocateTableFrame() {
        spare.append(frame)
      } else if oldest != 0 {
        zapPage(oldestUnpinned())
      } else {
        return false
      }
    }
    return true
  }

  private func oldestUnpinned() -> UInt32 {
    var number = oldest
    while number != 0 && pages[Int(number)].pins > 0 { number = pages[Int(number)].newer }
    return number == 0 ? oldest : number
  }

  /// The page of a frame and role; 0 where there is none. Where a table of an upper level is wanted of a frame whose other pages may be out
  /// of step, those go: a frame that holds such a table is never written unseen.
  func find(_ frame: GuestFrame, _ role: ShadowRole) -> UInt32 {
    var number = role.isDirect ? directHeads[frame.index] : tableHeads[frame.index]
    var found: UInt32 = 0
    while number != 0 {
      let page = pages[Int(number)]
      if page.role == role {
        found = number
      } else if role.level > 1 && page.isUnsync {
        zapPage(number)
      }
      number = page.nextOfFrame
    }
    return found
  }

  /// Makes the page of a frame and role, from the reserve; nothing points to it yet.
  func make(_ frame: GuestFrame, _ role: ShadowRole) -> UInt32 {
    guard let table = spare.popLast() else { preconditionFailure("shadow pages are made from the reserve") }
    let number = takeNumber()
    serial += 1
    var page = ShadowPage()
    page.frame = frame
    page.table = table
    page.role = role
    page.serial = serial
    page.older = newest
    let next = role.isDirect ? directHeads[frame.index] : tableHeads[frame.index]
    page.nextOfFrame = next
    pages[Int(number)] = page
    if next != 0 { pages[Int(next)].previousOfFrame = number }
    if role.isDirect { directHeads[frame.index] = number } else { tableHeads[frame.index] = number }
    if newest != 0 { pages[Int(newest)].newer = number } else { oldest = number }
    newest = number
    statistics.pages += 1
    statistics.made += 1
    if !role.isDirect {
      tablesInRegion[frame.index >> 9] += 1
      protect(frame)
    }
    return number
  }

  private func takeNumber() -> UInt32 {
    let free = firstFree
    if free != 0 {
      firstFree = pages[Int(free)].newer
      return free
    }
    unused += 1
    return unused - 1
  }

  /// Links a page under a slot that holds nothing.
  func link(_ child: UInt32, under slot: UInt32) {
    let next = pages[Int(child)].firstParent
    nodes[Int(slot)] = ShadowNode(value: UInt64(child), next: next)
    if next != 0 { nodes[Int(next)].previous = slot }
    pages[Int(child)].firstParent = slot
    // The rights are in the leaves: a link allows everything (KVM, link_shadow_page).
    setEntry(X86Entry.table(pages[Int(child)].table).with(X86Entry.accessed), slot)
    if pages[Int(child)].isUnsync || hasUnsyncBelow(child) { markUnsyncBelow(slot) }
  }

  /// The page that a slot leads to, if it is the one of a frame and role; else 0.
  func linked(_ slot: UInt32, _ frame: GuestFrame, _ role: ShadowRole) -> UInt32 {
    let entry = entry(slot)
    guard entry.isPresent, kind(entry, slot) == .link else { return 0 }
    let child = UInt32(truncatingIfNeeded: nodes[Int(slot)].value)
    return pages[Int(child)].frame == frame && pages[Int(child)].role == role ? child : 0
  }

  // MARK: Zapping

  /// Removes the entry in a slot, of whatever kind. What it led to stays.
  func zap(_ slot: UInt32) {
    let entry = entry(slot)
    guard entry.isPresent else { return }
    hasStale = true
    setEntry(.notPresent, slot)
    let node = nodes[Int(slot)]
    nodes[Int(slot)] = ShadowNode()
    if node.next != 0 { nodes[Int(node.next)].previous = node.previous }
    if node.previous != 0 {
      nodes[Int(node.previous)].next = node.next
      return
    }
    let index = Int(truncatingIfNeeded: node.value)
    switch kind(entry, slot) {
    case .leaf, .nested: leafHeads[index] = node.next
    case .largeLeaf: largeHeads[index >> 9] = node.next
    case .hugeLeaf: hugeHeads[index >> 18] = node.next
    case .link: pages[index].firstParent = node.next
    }
  }

  /// Removes a page and the links to it; what it led to stays.
  func zapPage(_ number: UInt32) {
    let page = pages[Int(number)]
    guard page.serial != 0 else { return }
    hasStale = true
    while pages[Int(number)].firstParent != 0 { zap(pages[Int(number)].firstParent) }
    for index in 0..<X86Index.entriesPerTable { zap(slot(number, index)) }
    for word in 0..<8 { unsyncBits[Int(number) * 8 + word] = 0 }
    if page.nextOfFrame != 0 { pages[Int(page.nextOfFrame)].previousOfFrame = page.previousOfFrame }
    if page.previousOfFrame != 0 {
      pages[Int(page.previousOfFrame)].nextOfFrame = page.nextOfFrame
    } else if page.role.isDirect {
      directHeads[page.frame.index] = page.nextOfFrame
    } else {
      tableHeads[page.frame.index] = page.nextOfFrame
    }
    if !page.role.isDirect { tablesInRegion[page.frame.index >> 9] -= 1 }
    if page.newer != 0 { pages[Int(page.newer)].older = page.older } else { newest = page.older }
    if page.older != 0 { pages[Int(page.older)].newer = page.newer } else { oldest = page.newer }
    pages[Int(number)] = ShadowPage()
    pages[Int(number)].newer = firstFree
    firstFree = number
    statistics.pages -= 1
    statistics.zaps += 1
    frames.freeTableFrame(page.table)
  }

  /// Removes every shadow page of a guest table.
  func zapTable(_ frame: GuestFrame) {
    guard covers(frame) else { return }
    while tableHeads[frame.index] != 0 { zapPage(tableHeads[frame.index]) }
  }

  /// Removes every shadow page of a guest table, and all that nothing leads to any more: what lay below it, whether it was linked to the
  /// last or its link went before.
  func zapTree(_ frame: GuestFrame) {
    zapTable(frame)
    // Each round takes at least one level of what is left.
    var isDone = false
    while !isDone {
      isDone = true
      var number = oldest
      while number != 0 {
        let page = pages[Int(number)]
        if page.firstParent == 0 && !page.isRoot {
          zapPage(number)
          isDone = false
        }
        number = page.newer
      }
    }
  }

  /// Removes every page.
  func zapPages() { while oldest != 0 { zapPage(oldest) } }

  /// Removes everything and gives the reserve back.
  func zapAll() {
    zapPages()
    for frame in spare { frames.freeTableFrame(frame) }
    spare = []
  }

  // MARK: Audits

  /// Calls `body` with every leaf, once for each root and path that reaches it, and whether it is in an unsync page.
  func forEachLeaf(_ body: (_ root: GuestFrame, GuestVirtualPage, X86Entry, PageSize, _ isUnsync: Bool) -> Void) {
    var number = oldest
    while number != 0 {
      let page = pages[Int(number)]
      if page.isRoot {
        let top = X86Index.shift(page.role.level + 1)
        visit(number, prefix: 0) { address, entry, size, isUnsync in
          let canonical = UInt64(bitPattern: Int64(bitPattern: address << (64 - top)) >> Int64(64 - top))
          body(page.frame, GuestVirtualAddress(canonical).page, entry, size, isUnsync)
        }
      }
      number = page.newer
    }
  }

  private func visit(_ number: UInt32, prefix: UInt64, _ body: (UInt64, X86Entry, PageSize, Bool) -> Void) {
    let page = pages[Int(number)]
    for index in 0..<X86Index.entriesPerTable {
      let slot = slot(number, index)
      let entry = entry(slot)
      guard entry.isPresent else { continue }
      let address = prefix | UInt64(index) << X86Index.shift(page.role.level)
      switch kind(entry, slot) {
      case .leaf: body(address, entry, .size4K, page.isUnsync)
      case .largeLeaf: body(address, entry, .size2M, false)
      case .hugeLeaf: body(address, entry, .size1G, false)
      case .link: visit(UInt32(truncatingIfNeeded: nodes[Int(slot)].value), prefix: address, body)
      case .nested: continue
      }
    }
  }
}
