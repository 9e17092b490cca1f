public import Addressing
internal import Columns
public import PageContents
internal import PageTables

/// A frame's use, as the hypervisor of a direct guest keeps it.
public struct FrameUse: Hashable, Sendable {
  /// What it is in use as.
  public var type = FrameType.none
  /// References that need the type.
  public var typeReferences: UInt32 = 0
  /// All references.
  public var references: UInt32 = 0
  /// Whether the guest has pinned it.
  public var isPinned = false

  /// In no use.
  public init() {}
}

/// What the frames of a direct guest are in use as, counted anew from the words in its tables: for audits and tests.
///
/// It begins with what the guest holds, its pins and its root, and follows every entry. It knows nothing of counts, P2M or M2P.
public struct DirectCensus: ~Copyable {
  /// The use of each guest frame.
  public private(set) var uses: [FrameUse]
  /// Where the tables break a rule, in words.
  public private(set) var problems: [String] = []
  private let contents: FrameContents
  private let frames: [HostFrame?]
  private let owners: Column<UInt32>
  private var tables: [GuestFrame] = []

  /// A census.
  /// - Parameters:
  ///   - frames: the host frame of each guest frame, as the guest-physical map has it.
  ///   - pins: the pinned tables and their levels.
  ///   - root: the root table and its level.
  public init(
    contents: FrameContents, frames: [HostFrame?], pins: [(frame: GuestFrame, level: Int)], root: (frame: GuestFrame, level: Int)?
  ) {
    self.contents = contents
    self.frames = frames
    uses = Array(repeating: FrameUse(), count: frames.count)
    owners = Column(count: contents.frameCount, isSparse: true)
    for (index, frame) in frames.enumerated() { if let frame { owners[frame.index] = UInt32(index + 1) } }
    for pin in pins {
      need(pin.frame, FrameType(level: pin.level) ?? .none, "a pin")
      uses[pin.frame.index].isPinned = true
    }
    if let root { need(root.frame, FrameType(level: root.level) ?? .none, "CR3") }
    while let table = tables.popLast() { count(table) }
  }

  private mutating func need(_ frame: GuestFrame, _ type: FrameType, _ by: @autoclosure () -> String) {
    let isFirst = uses[frame.index].typeReferences == 0
    if !isFirst && uses[frame.index].type != type { problems.append("\(by()) uses \(uses[frame.index].type) \(frame) as \(type)") }
    uses[frame.index].typeReferences += 1
    uses[frame.index].references += 1
    guard isFirst else { return }
    uses[frame.index].type = type
    if type.level != nil { tables.append(frame) }
  }

  private mutating func count(_ table: GuestFrame) {
    guard let level = uses[table.index].type.level, let place = frames[table.index] else {
      return problems.append("table \(table) has no host frame")
    }
    for index in 0..<X86Index.entriesPerTable {
      let entry = X86Entry(rawValue: contents.loadWord(index, of: place))
      guard entry.isPresent else { continue }
      let host = entry.hostFrame
      guard host.rawValue < UInt64(owners.count), owners[host.index] != 0 else {
        problems.append("entry \(index) of table \(table) names frame \(host), which is not the guest's")
        continue
      }
      if level > 1 && entry.isLarge { problems.append("entry \(index) of table \(table) is a large page") }
      let target = GuestFrame(UInt64(owners[host.index] - 1))
      if level > 1 {
        need(target, FrameType(level: level - 1) ?? .none, "entry \(index) of table \(table)")
      } else if entry.isWritable {
        need(target, .writable, "entry \(index) of table \(table)")
      } else {
        uses[target.index].references += 1
      }
    }
  }
}
