internal import Addressing
internal import PageContents
internal import PageTables

/// The shadow pages of one guest: found by key, linked into trees under roots, with a reverse map from guest frames to leaves.
///
/// A shadow entry is named by its *slot*, 512 times its page's number plus its index. The invariants: every present leaf stands in the list of
/// its guest frame and nowhere else; every present link stands among its child's parents; a page that is no root has a parent, so
/// that what no root reaches does not exist (KVM keeps such pages for a while in the hope of using them again).
///
/// No leaf that maps a frame with a shadow page of its own, other than direct, is writable: `make` takes W from the leaves that exist
/// and whoever adds a leaf asks `isShadowed`.
final class ShadowPages {
  private let contents: FrameContents
  private let frames: any TableFrameSource
  private let limit: Int

  private(set) var pages: [ShadowPage] = []
  private var nodes: [ShadowNode] = []
  private var freeNumbers: [Int] = []
  private var numbers: [ShadowKey: Int] = [:]
  private var byFrame: [GuestFrame: [Int]] = [:]
  private var firstLeaf: [GuestFrame: UInt32] = [:]
  private var spare: [HostFrame] = []
  private var uses: UInt64 = 0

  /// How many shadow pages there are.
  private(set) var count = 0
  /// Whether an entry that a TLB may have a copy of was removed or lost a right since the flag was last cleared.
  var hasStale = false

  /// Pages for a fault: one a level.
  static let reserveForFault = 4

  init(contents: FrameContents, frames: any TableFrameSource, limit: Int) {
    self.contents = contents
    self.frames = frames
    self.limit = max(limit, Self.reserveForFault)
  }

  /// Frames in use, those in reserve included.
  var frameCount: Int { count + spare.count }

  // MARK: Entries

  func table(_ number: Int) -> HostFrame { pages[number].table }

  func slot(_ number: Int, _ index: Int) -> UInt32 { UInt32(number * X86Index.entriesPerTable + index) }

  private func place(_ slot: UInt32) -> HostPhysicalAddress {
    HostPhysicalAddress(pages[Int(slot >> 9)].table.address.rawValue | UInt64(slot & 511) << 3)
  }

  func entry(_ slot: UInt32) -> X86Entry { X86Entry(rawValue: contents.load(place(slot))) }

  func setEntry(_ entry: X86Entry, _ slot: UInt32) { contents.store(entry.rawValue, place(slot)) }

  // MARK: Finding and making pages

  /// Makes sure that `wanted` pages can be made, giving up old roots for them, the current one last.
  /// - Returns: false where the host has no frames even so. Any page may be gone afterwards.
  func reserve(_ wanted: Int, current root: Int?) -> Bool {
    while spare.count < wanted || count + wanted > limit {
      if count + wanted <= limit, let frame = frames.allocateTableFrame() {
        spare.append(frame)
      } else if let oldest = oldestRoot(but: root) ?? root, pages[oldest].isAlive {
        zapPage(oldest)
      } else {
        return false
      }
    }
    return true
  }

  private func oldestRoot(but current: Int?) -> Int? {
    var oldest: Int?
    for number in pages.indices where pages[number].isAlive && pages[number].isRoot && number != current {
      if let known = oldest, pages[known].lastUse <= pages[number].lastUse { continue }
      oldest = number
    }
    return oldest
  }

  /// The root for a guest's root table; makes it if `reserve` was asked for one, else nil where there is none.
  func root(_ frame: GuestFrame) -> Int? {
    let key = ShadowKey(frame: frame, role: ShadowRole(level: 4, isDirect: false, rights: .all))
    guard let number = numbers[key] ?? (spare.isEmpty ? nil : make(key)) else { return nil }
    uses += 1
    pages[number].lastUse = uses
    return number
  }

  func isAlive(_ number: Int) -> Bool { pages[number].isAlive }

  /// Whether a guest frame holds a table that is shadowed.
  func isShadowed(_ frame: GuestFrame) -> Bool { byFrame[frame] != nil }

  private func make(_ key: ShadowKey) -> Int {
    guard let table = spare.popLast() else { preconditionFailure("shadow pages are made from the reserve") }
    let page = ShadowPage(key: key, table: table, lastUse: 0)
    let number: Int
    if let free = freeNumbers.popLast() {
      number = free
      pages[number] = page
    } else {
      number = pages.count
      pages.append(page)
      nodes.append(contentsOf: repeatElement(ShadowNode(), count: X86Index.entriesPerTable))
    }
    numbers[key] = number
    count += 1
    if !key.role.isDirect {
      byFrame[key.frame, default: []].append(number)
      changeLeaves(of: key.frame) { $0.without(X86Entry.writable | X86Entry.dirty) }
    }
    return number
  }

  /// The page of a key, made if need be, with a link to it in a slot, in place of any other.
  func child(_ key: ShadowKey, under slot: UInt32) -> Int {
    let present = entry(slot).isPresent
    if present, pages[Int(nodes[Int(slot)].value)].key == key { return Int(nodes[Int(slot)].value) }
    if present { zap(slot) }
    let number = numbers[key] ?? make(key)
    pages[number].parents.append(slot)
    nodes[Int(slot)].value = UInt64(number)
    // The rights are in the leaves: a link allows everything (KVM, link_shadow_page).
    setEntry(X86Entry.table(pages[number].table).with(X86Entry.accessed), slot)
    return number
  }

  // MARK: Leaves

  /// Puts a leaf for a guest frame into a slot, in place of what is there.
  func setLeaf(_ leaf: X86Entry, of frame: GuestFrame, _ slot: UInt32) {
    let old = entry(slot)
    if old.isPresent && nodes[Int(slot)].value == frame.rawValue {
      if old.rawValue & ~leaf.rawValue & (X86Entry.present | X86Entry.writable) != 0 || old.hostFrame != leaf.hostFrame { hasStale = true }
      return setEntry(leaf, slot)
    }
    if old.isPresent { zap(slot) }
    let next = firstLeaf[frame] ?? 0
    nodes[Int(slot)] = ShadowNode(value: frame.rawValue, next: next)
    if next != 0 { nodes[Int(next - 1)].previous = slot + 1 }
    firstLeaf[frame] = slot + 1
    setEntry(leaf, slot)
  }

  /// Changes every leaf of a guest frame, all aliases; one that becomes not present is dropped.
  func changeLeaves(of frame: GuestFrame, _ change: (X86Entry) -> X86Entry) {
    var link = firstLeaf[frame] ?? 0
    while link != 0 {
      let slot = link - 1
      link = nodes[Int(slot)].next
      let old = entry(slot)
      let new = change(old)
      guard new != old else { continue }
      hasStale = true
      if new.isPresent { setEntry(new, slot) } else { zap(slot) }
    }
  }

  // MARK: Zapping

  /// Removes the entry in a slot, a leaf or a link.
  func zap(_ slot: UInt32) {
    guard entry(slot).isPresent else { return }
    hasStale = true
    setEntry(.notPresent, slot)
    let node = nodes[Int(slot)]
    nodes[Int(slot)] = ShadowNode()
    if pages[Int(slot >> 9)].key.role.level == 1 {
      if node.next != 0 { nodes[Int(node.next - 1)].previous = node.previous }
      if node.previous != 0 {
        nodes[Int(node.previous - 1)].next = node.next
      } else {
        firstLeaf[GuestFrame(node.value)] = node.next == 0 ? nil : node.next
      }
    } else {
      let child = Int(node.value)
      pages[child].parents.removeAll { $0 == slot }
      if pages[child].parents.isEmpty { zapPage(child) }
    }
  }

  /// Removes the entries that shadow one entry of a guest table, under every role.
  func zapEntry(_ index: Int, ofTable frame: GuestFrame) {
    // A zap below may remove other pages of the same frame: each is looked at again before it is used.
    for number in byFrame[frame] ?? [] where pages[number].isAlive && pages[number].key.frame == frame { zap(slot(number, index)) }
  }

  /// Removes every shadow page of a guest table.
  func zapTable(_ frame: GuestFrame) {
    while let number = byFrame[frame]?.first { zapPage(number) }
  }

  /// Removes a page, the links to it, and what only it reaches.
  private func zapPage(_ number: Int) {
    guard pages[number].isAlive else { return }
    let page = pages[number]
    pages[number].isAlive = false
    pages[number].parents = []
    hasStale = true
    for parent in page.parents {
      setEntry(.notPresent, parent)
      nodes[Int(parent)] = ShadowNode()
    }
    for index in 0..<X86Index.entriesPerTable { zap(slot(number, index)) }
    numbers[page.key] = nil
    if !page.key.role.isDirect {
      byFrame[page.key.frame]?.removeAll { $0 == number }
      if byFrame[page.key.frame]?.isEmpty == true { byFrame[page.key.frame] = nil }
    }
    count -= 1
    frames.freeTableFrame(page.table)
    freeNumbers.append(number)
  }

  /// Removes everything and gives the reserve back.
  func zapAll() {
    for number in pages.indices { zapPage(number) }
    for frame in spare { frames.freeTableFrame(frame) }
    spare = []
  }

  // MARK: Audits

  /// Calls `body` with every leaf, once for each root and path that reaches it.
  func forEachLeaf(_ body: (_ root: GuestFrame, GuestVirtualPage, X86Entry) -> Void) {
    for number in pages.indices where pages[number].isAlive && pages[number].isRoot {
      visit(number, prefix: 0) { body(pages[number].key.frame, $0, $1) }
    }
  }

  private func visit(_ number: Int, prefix: UInt64, _ body: (GuestVirtualPage, X86Entry) -> Void) {
    let level = pages[number].key.role.level
    for index in 0..<X86Index.entriesPerTable {
      let slot = slot(number, index)
      let entry = entry(slot)
      guard entry.isPresent else { continue }
      let address = prefix | UInt64(index) << X86Index.shift(level)
      if level > 1 {
        visit(Int(nodes[Int(slot)].value), prefix: address, body)
      } else {
        let canonical = UInt64(bitPattern: Int64(bitPattern: address << 16) >> 16)
        body(GuestVirtualAddress(canonical).page, entry)
      }
    }
  }
}
