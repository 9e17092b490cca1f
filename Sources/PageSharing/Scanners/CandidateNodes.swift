public import Addressing
internal import Columns

/// The contents that a scanner has put where others can join them: a frame each, with how many of the scanner's pages stand there.
///
/// The scanner learns late that a page has gone, at its next visit. Until then the page names its node, so a node outlives its frame and
/// its place in the index, and its number is given out again only when the last page has left. Pages leave in the order of visits: a frame
/// that came free and now holds another content has a node of its own.
@usableFromInline final class CandidateNodes {
  private let frames: Column<UInt32>
  private let hashes: Column<UInt32>
  private let members: Column<UInt32>
  /// The page, plus one, that has the frame to itself; 0 where the frame is a stable one.
  private let owners: Column<UInt32>
  /// The node, from 1, whose content a frame was given last, if it still stands in the index; 0 for none.
  private let nodesOfFrames: Column<UInt32>
  /// The node that a page stands at; 0 for none.
  private let nodesOfPages: Column<UInt32>
  private let index: ContentIndex
  private var firstFree: UInt32 = 0
  private var fresh: UInt32 = 1

  /// Nodes that one page stands at.
  private(set) var single: UInt64 = 0
  /// Nodes that more than one page stands at.
  private(set) var shared: UInt64 = 0
  /// The further pages of those.
  private(set) var sharing: UInt64 = 0

  /// No nodes, for so many pages in so many frames.
  @usableFromInline init(capacity: Int, frameCount: Int) {
    frames = Column(count: capacity + 1, isSparse: true)
    hashes = Column(count: capacity + 1, isSparse: true)
    members = Column(count: capacity + 1, isSparse: true)
    owners = Column(count: capacity + 1, isSparse: true)
    nodesOfFrames = Column(count: frameCount, isSparse: true)
    nodesOfPages = Column(count: capacity, isSparse: true)
    index = ContentIndex(capacity: capacity)
  }

  // MARK: Search

  @usableFromInline func probe(_ hash: UInt32) -> ContentIndex.Probe { index.probe(hash) }
  /// The next node of the searched hash; nil after the last.
  @usableFromInline func next(_ probe: inout ContentIndex.Probe) -> UInt32? { index.next(&probe) }

  @usableFromInline func frame(of node: UInt32) -> Int { Int(frames[Int(node)]) }
  /// The page that has the node's frame to itself; nil where the frame was made a stable one.
  @usableFromInline func owner(of node: UInt32) -> PageOrdinal? {
    owners[Int(node)] == 0 ? nil : PageOrdinal(owners[Int(node)] - 1)
  }
  @usableFromInline func clearOwner(of node: UInt32) { owners[Int(node)] = 0 }
  /// The node whose content the frame holds, if the index has it; 0 for none.
  @usableFromInline func node(ofFrame frame: Int) -> UInt32 { nodesOfFrames[frame] }
  /// The node that a page stands at, as far as the scanner knows; 0 for none.
  @usableFromInline func node(ofPage page: Int) -> UInt32 { nodesOfPages[page] }

  // MARK: Change

  /// A node for a content that a page has put into a frame, alone or as a stable one; the page, which stands nowhere, joins it. Ends every
  /// search.
  @usableFromInline func insert(_ page: Int, frame: Int, hash: UInt32, isOwner: Bool) {
    if nodesOfFrames[frame] != 0 { leaveIndex(nodesOfFrames[frame]) }
    let node: UInt32
    if firstFree != 0 {
      node = firstFree
      firstFree = frames[Int(node)]
    } else {
      node = fresh
      fresh += 1
    }
    frames[Int(node)] = UInt32(frame)
    hashes[Int(node)] = hash
    owners[Int(node)] = isOwner ? UInt32(page) + 1 : 0
    nodesOfPages[page] = node
    members[Int(node)] = 1
    single += 1
    nodesOfFrames[frame] = node
    index.insert(node, hash: hash)
  }

  /// A page, which stands nowhere, joins a node.
  @usableFromInline func join(_ page: Int, to node: UInt32) {
    nodesOfPages[page] = node
    let count = members[Int(node)] + 1
    members[Int(node)] = count
    if count == 2 { (single, shared) = (single - 1, shared + 1) }
    sharing += 1
  }

  /// A page has gone from its node, if it stood at one. Ends every search.
  @usableFromInline func leave(_ page: Int) {
    let node = nodesOfPages[page]
    guard node != 0 else { return }
    nodesOfPages[page] = 0
    let count = members[Int(node)] - 1
    members[Int(node)] = count
    switch count {
    case 0:
      single -= 1
      leaveIndex(node)
      frames[Int(node)] = firstFree
      firstFree = node
    case 1: (single, shared, sharing) = (single + 1, shared - 1, sharing - 1)
    default: sharing -= 1
    }
  }

  /// Nobody shall find the node any more: its frame no longer holds its content. Ends every search.
  @usableFromInline func leaveIndex(_ node: UInt32) {
    let frame = Int(frames[Int(node)])
    guard nodesOfFrames[frame] == node else { return }
    nodesOfFrames[frame] = 0
    index.remove(node, hash: hashes[Int(node)])
  }
}
