import Addressing
import PageSharing

/// KSM by the book and without any haste: what docs and mm/ksm.c say, in arrays, dictionaries and objects, keyed by contents instead of
/// hashes.
///
/// It shares with the scanner under test neither code nor structure. It works on a memory of its own, through the same calls.
final class NaiveKSM {
  /// A stable page, alone in the tree or a dup in a chain.
  final class Node {
    let frame: HostFrame
    var items: Set<Int> = []
    var isInTree = true
    var place: Tree.Node?
    var chain: Chain?
    init(frame: HostFrame) { self.frame = frame }
  }

  final class Chain {
    var dups: [Node] = []
    var prunedAt: UInt64
    var place: Tree.Node?
    init(at now: UInt64) { prunedAt = now }
  }

  enum Element {
    case page(Node)
    case chain(Chain)
  }

  typealias Tree = NaiveRedBlackTree<Element>

  final class Item {
    var checksum: UInt32 = 0
    var age = 0
    var skips = 0
    var isUnstable = false
    var place: NaiveRedBlackTree<Int>.Node?
    var scan: UInt64 = 0
    var node: Node?
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
  var stable = Tree()
  var chains: [ObjectIdentifier: Chain] = [:]
  var newestNode: [HostFrame: Node] = [:]
  var unstable = NaiveRedBlackTree<Int>()
  var now: UInt64 = 0
  var scanNumber: UInt64 = 0
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
    counters.stableNodeChains = UInt64(chains.count)
    counters.stableNodeDups = UInt64(chains.values.reduce(0) { $0 + $1.dups.count })
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
        unstable = NaiveRedBlackTree()
        scanNumber += 1
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
    if let node = searchStable(content) {
      if memory.merge(PageOrdinal(UInt32(page)), into: node.frame) {
        merges += 1
        append(page, to: node)
      }
      return
    }
    guard let equal = searchUnstable(page, frame, content) else { return }
    guard let shared = memory.makeStable(PageOrdinal(UInt32(page))) else { return }
    let isMerged = memory.merge(PageOrdinal(UInt32(equal)), into: shared)
    if isMerged {
      merges += 1
      leave(equal)
    } else {
      memory.unshare(PageOrdinal(UInt32(page)))
      guard memory.backing(of: PageOrdinal(UInt32(page))) == .stable(shared) else { return }
    }
    let node = insertStable(shared, content)
    if isMerged { append(equal, to: node) }
    append(page, to: node)
  }

  // MARK: Trees

  func hasRoom(_ node: Node, for more: Int = 1) -> Bool {
    !node.items.isEmpty && node.items.count + more <= Int(settings.maxPageSharing)
  }

  func order(_ content: Int, _ node: Node) -> Int { Contents.shared.order(content, memory.held(by: node.frame)) }

  /// Looks at a place of the stable tree: the page to compare with, or nil if something was removed.
  func look(_ place: Tree.Node, prunes: Bool) -> Node? {
    guard case .chain(let chain) = place.value else {
      guard case .page(let node) = place.value else { return nil }
      if isCurrent(node) { return node }
      prune(node)
      return nil
    }
    let isDue = prunes && now >= chain.prunedAt &+ settings.pruneNanoseconds
    if isDue { chain.prunedAt = now }
    var found: Node?
    for dup in chain.dups {
      guard isCurrent(dup) else {
        prune(dup)
        continue
      }
      if found == nil || (hasRoom(dup) && (!hasRoom(found!) || dup.items.count > found!.items.count)) {
        found = dup
        if !isDue && hasRoom(dup) { break }
      }
    }
    guard let found else {
      stable.remove(place)
      chains[ObjectIdentifier(chain)] = nil
      return nil
    }
    if chain.dups.count == 1 {
      chains[ObjectIdentifier(chain)] = nil
      found.chain = nil
      found.place = place
      place.value = .page(found)
    } else if chain.dups[0] !== found && hasRoom(found, for: 2) {
      chain.dups.removeAll { $0 === found }
      chain.dups.insert(found, at: 0)
    }
    return found
  }

  func searchStable(_ content: Int) -> Node? {
    var place: Tree.Node = stable.root
    while place !== stable.null {
      guard let node = look(place, prunes: true) else {
        place = stable.root
        continue
      }
      let order = order(content, node)
      if order == 0 { return hasRoom(node) ? node : nil }
      place = order < 0 ? place.left : place.right
    }
    return nil
  }

  func insertStable(_ frame: HostFrame, _ content: Int) -> Node {
    let fresh = Node(frame: frame)
    newestNode[frame] = fresh
    var above: Tree.Node?
    var isLeft = false
    var place: Tree.Node = stable.root
    while place !== stable.null {
      guard let node = look(place, prunes: false) else {
        (above, place) = (nil, stable.root)
        continue
      }
      let order = order(content, node)
      if order == 0 {
        if node.chain == nil {
          let chain = Chain(at: now)
          chains[ObjectIdentifier(chain)] = chain
          chain.place = place
          chain.dups = [node]
          place.value = .chain(chain)
          (node.chain, node.place) = (chain, nil)
        }
        fresh.chain = node.chain
        node.chain!.dups.insert(fresh, at: 0)
        return fresh
      }
      (above, isLeft) = (place, order < 0)
      place = isLeft ? place.left : place.right
    }
    fresh.place = stable.insert(.page(fresh), below: above, isLeft: isLeft)
    return fresh
  }

  func searchUnstable(_ page: Int, _ frame: HostFrame, _ content: Int) -> Int? {
    var above: NaiveRedBlackTree<Int>.Node?
    var isLeft = false
    var place: NaiveRedBlackTree<Int>.Node = unstable.root
    while place !== unstable.null {
      let other = place.value!
      guard case .frame(let held) = memory.slots[other], held != frame.index else { return nil }
      let order = Contents.shared.order(content, memory.content(of: other)!)
      if order == 0 { return other }
      (above, isLeft) = (place, order < 0)
      place = isLeft ? place.left : place.right
    }
    items[page]!.isUnstable = true
    items[page]!.scan = scanNumber
    items[page]!.place = unstable.insert(page, below: above, isLeft: isLeft)
    return nil
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
  }

  func leave(_ page: Int) {
    guard let item = items[page] else { return }
    if item.isUnstable, item.scan == scanNumber, let place = item.place { unstable.remove(place) }
    item.isUnstable = false
    item.place = nil
    guard let node = item.node else { return }
    item.node = nil
    if node.isInTree && !isCurrent(node) { prune(node) }
    node.items.remove(page)
  }

  func isCurrent(_ node: Node) -> Bool { newestNode[node.frame] === node && memory.isStable(node.frame) }

  func prune(_ node: Node) {
    node.isInTree = false
    for page in node.items { items[page]?.node = nil }
    if let chain = node.chain { chain.dups.removeAll { $0 === node } } else if let place = node.place { stable.remove(place) }
    if newestNode[node.frame] === node { newestNode[node.frame] = nil }
  }
}
