import Addressing
import PageSharing

/// KSM by the book and without any haste: what docs and mm/ksm.c say, in arrays, dictionaries and objects, keyed by contents instead of hashes.
///
/// It shares with the scanner under test neither code nor structure. It works on a memory of its own, through the same calls.
final class NaiveKSM {
  final class Node {
    let frame: HostFrame
    let content: Int
    var items: Set<Int> = []
    var isInTree = true
    init(frame: HostFrame, content: Int) { (self.frame, self.content) = (frame, content) }
  }

  final class Item {
    var checksum: UInt32 = 0
    var age = 0
    var skips = 0
    var isUnstable = false
    var node: Node?
  }

  /// The stable pages of one content: those with room first.
  struct Copies {
    var nodes: [Node]
    var isChain = false
  }

  struct Space {
    let id: Int
    let pages: Range<Int>
    var isExiting = false
  }

  let settings: KSMSettings
  let memory: WritableMemory
  var items: [Int: Item] = [:]
  var zeroPlaced: Set<Int> = []
  var stable: [Int: Copies] = [:]
  var newestNode: [HostFrame: Node] = [:]
  /// This scan's pages, with the content that each had when it was inserted.
  var unstable: [(page: Int, content: Int)] = []
  var spaces: [Space] = []
  var cursor: Int?
  var position = 0
  var (pagesScanned, pagesSkipped, fullScans, merges): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  init(settings: KSMSettings, memory: WritableMemory) { (self.settings, self.memory) = (settings, memory) }

  var counters: KSMCounters {
    var counters = KSMCounters()
    (counters.fullScans, counters.pagesScanned, counters.pagesSkipped) = (fullScans, pagesScanned, pagesSkipped)
    var seen: Set<ObjectIdentifier> = []
    for node in items.values.compactMap(\.node) where node.isInTree && seen.insert(ObjectIdentifier(node)).inserted {
      counters.pagesShared += 1
      counters.pagesSharing += UInt64(node.items.count - 1)
    }
    counters.pagesUnshared = UInt64(items.values.count { $0.isUnstable })
    counters.ksmZeroPages = UInt64(zeroPlaced.count)
    for copies in stable.values where copies.isChain {
      counters.stableNodeChains += 1
      counters.stableNodeDups += UInt64(copies.nodes.count)
    }
    counters.rmapItems = UInt64(items.count)
    counters.pagesVolatile = counters.rmapItems - counters.pagesShared - counters.pagesSharing - counters.pagesUnshared
    return counters
  }

  // MARK: Spaces

  func register(_ id: Int, _ pages: Range<Int>) {
    spaces.insert(Space(id: id, pages: pages), at: cursor ?? spaces.count)
    if let cursor { self.cursor = cursor + 1 }
  }

  func unregister(_ id: Int) {
    guard let index = spaces.firstIndex(where: { $0.id == id && !$0.isExiting }) else { return }
    zeroPlaced.subtract(spaces[index].pages)
    spaces[index].isExiting = true
    if index == cursor { return }
    let space = spaces.remove(at: index)
    if let cursor, index < cursor { self.cursor = cursor - 1 }
    if space.pages.contains(where: { items[$0] != nil }) { spaces.insert(space, at: cursor.map { $0 + 1 } ?? 0) }
  }

  // MARK: Scanning

  /// Returns whether the batch ended a full scan.
  func scanBatch(pages budget: UInt64) -> Bool {
    var left = budget
    while left > 0 {
      if cursor == nil {
        if spaces.isEmpty { return false }
        unstable = []
        (cursor, position) = (0, spaces[0].pages.lowerBound)
      }
      guard let index = cursor, index < spaces.count else {
        cursor = nil
        fullScans += 1
        return true
      }
      if spaces[index].isExiting {
        for page in spaces[index].pages { drop(page) }
        spaces.remove(at: index)
        if index < spaces.count { position = spaces[index].pages.lowerBound }
      } else if position == spaces[index].pages.upperBound {
        cursor = index + 1
        if index + 1 < spaces.count { position = spaces[index + 1].pages.lowerBound }
      } else {
        if visit(position) { left -= 1 }
        position += 1
      }
    }
    return false
  }

  /// Returns whether the page was scanned.
  func visit(_ page: Int) -> Bool {
    switch memory.backing(of: PageOrdinal(UInt32(page))) {
    case .absent:
      zeroPlaced.remove(page)
      drop(page)
      return false
    case .zeroFrame:
      drop(page)
      return false
    case .stable(let frame):
      let item = item(page)
      if item.node !== newestNode[frame] || item.node == nil {
        leave(page)
        if let node = newestNode[frame] { append(page, to: node) }
      }
    case .private(let frame):
      let item = item(page)
      if settings.smartScan {
        let age = item.age
        if age < 255 { item.age += 1 }
        if age >= 3 {
          if item.skips > 0 {
            item.skips -= 1
            pagesSkipped += 1
            leave(page)
            return false
          }
          item.skips = age <= 3 ? 1 : age <= 5 ? 2 : age <= 8 ? 4 : 8
        }
      }
      scan(page, frame)
    }
    pagesScanned += 1
    return true
  }

  func scan(_ page: Int, _ frame: HostFrame) {
    leave(page)
    let item = item(page)
    let checksum = memory.ksmChecksum(of: frame)
    if item.checksum != checksum {
      item.checksum = checksum
      return
    }
    if settings.useZeroPages && checksum == 0x32d8_bbdb && memory.placeZeroPage(at: PageOrdinal(UInt32(page))) {
      zeroPlaced.insert(page)
      return
    }
    let content = memory.content(of: page)!
    while let first = stable[content]?.nodes.first, !isCurrent(first) { prune(first) }
    if stable[content]?.nodes.count == 1 { stable[content]!.isChain = false }
    if let node = stable[content]?.nodes.first, node.items.count < Int(settings.maxPageSharing) {
      if memory.merge(PageOrdinal(UInt32(page)), into: node.frame) {
        merges += 1
        append(page, to: node)
      }
      return
    }
    let equal = unstable.first { entry in
      guard entry.content == content, items[entry.page]?.isUnstable == true else { return false }
      guard case .private = memory.backing(of: PageOrdinal(UInt32(entry.page))) else { return false }
      return memory.content(of: entry.page) == content
    }
    guard let equal else {
      unstable.append((page, content))
      item.isUnstable = true
      return
    }
    guard let shared = memory.makeStable(PageOrdinal(UInt32(page))) else { return }
    let isMerged = memory.merge(PageOrdinal(UInt32(equal.page)), into: shared)
    if !isMerged {
      memory.unshare(PageOrdinal(UInt32(page)))
      guard memory.backing(of: PageOrdinal(UInt32(page))) == .stable(shared) else { return }
    }
    if let old = newestNode[shared], old.items.isEmpty { prune(old) }
    let node = Node(frame: shared, content: content)
    newestNode[shared] = node
    stable[content, default: Copies(nodes: [])].nodes.insert(node, at: 0)
    if stable[content]!.nodes.count > 1 { stable[content]!.isChain = true }
    if isMerged {
      merges += 1
      leave(equal.page)
      append(equal.page, to: node)
    }
    append(page, to: node)
  }

  // MARK: Items and nodes

  func item(_ page: Int) -> Item {
    zeroPlaced.remove(page)
    if let item = items[page] { return item }
    let item = Item()
    items[page] = item
    return item
  }

  func drop(_ page: Int) {
    leave(page)
    items[page] = nil
  }

  func append(_ page: Int, to node: Node) {
    node.items.insert(page)
    items[page]!.node = node
    if node.items.count == Int(settings.maxPageSharing) { move(node, toFront: false) }
  }

  func leave(_ page: Int) {
    guard let item = items[page] else { return }
    item.isUnstable = false
    guard let node = item.node else { return }
    item.node = nil
    if node.isInTree && !isCurrent(node) { prune(node) }
    guard node.isInTree else { return }
    node.items.remove(page)
    if node.items.count == Int(settings.maxPageSharing) - 1 { move(node, toFront: true) }
  }

  func isCurrent(_ node: Node) -> Bool { newestNode[node.frame] === node && memory.isStable(node.frame) }

  func prune(_ node: Node) {
    node.isInTree = false
    for page in node.items { items[page]?.node = nil }
    stable[node.content]!.nodes.removeAll { $0 === node }
    if stable[node.content]!.nodes.isEmpty { stable[node.content] = nil }
    if newestNode[node.frame] === node { newestNode[node.frame] = nil }
  }

  func move(_ node: Node, toFront: Bool) {
    guard node.isInTree, stable[node.content]!.isChain else { return }
    stable[node.content]!.nodes.removeAll { $0 === node }
    stable[node.content]!.nodes.insert(node, at: toFront ? 0 : stable[node.content]!.nodes.count)
  }
}
