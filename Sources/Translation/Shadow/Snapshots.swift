internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

/// Xen's way of letting tables out of step: at most three at a time, each with a copy of what it held, so that only what changed is read
/// again (Xen, xen/arch/x86/mm/shadow: `SHADOW_OOS_PAGES`, `oos_snapshot`).
struct Snapshots: ~Copyable {
  static let count = 3
  private let words = Column<UInt64>(count: Snapshots.count * X86Index.entriesPerTable)
  /// The guest frame of each plus 1, or 0.
  private let frames = Column<UInt64>(count: Snapshots.count)

  /// The place of a frame's snapshot; nil where it has none.
  func place(_ frame: GuestFrame) -> Int? { (0..<Self.count).first { frames[$0] == frame.rawValue + 1 } }

  /// The table whose snapshot is at a place.
  func frame(_ place: Int) -> GuestFrame? { frames[place] == 0 ? nil : GuestFrame(frames[place] - 1) }

  /// Where a snapshot of a frame goes: the place that its number gives, or the next one, whose table then has to be brought in step first.
  func wanted(_ frame: GuestFrame) -> Int {
    let first = Int(frame.rawValue % UInt64(Self.count))
    return frames[first] == 0 ? first : (first + 1) % Self.count
  }

  /// Copies a table.
  func take(_ frame: GuestFrame, from host: HostFrame, _ contents: FrameContents, at place: Int) {
    frames[place] = frame.rawValue + 1
    for index in 0..<X86Index.entriesPerTable { self[place, index] = contents.loadWord(index, of: host) }
  }

  /// The first word from `start` on in which a table differs from its snapshot; nil where none does. Every table that comes back in step is
  /// looked through, so all of a page is read in one go.
  func change(from start: Int, at place: Int, of host: HostFrame, _ contents: FrameContents) -> Int? {
    // SAFETY: the bytes are a page's, so words of 8 bytes below index 512 lie in it and are aligned; nothing is changed while they are
    // shown.
    unsafe contents.withBytes(of: host) { bytes in
      var index = start
      while index < X86Index.entriesPerTable {
        let word = unsafe UInt64(littleEndian: bytes.load(fromByteOffset: index * 8, as: UInt64.self))
        if word != self[place, index] { return index }
        index += 1
      }
      return nil
    }
  }

  func drop(_ place: Int) { frames[place] = 0 }

  subscript(place: Int, index: Int) -> UInt64 {
    get { words[place * X86Index.entriesPerTable + index] }
    nonmutating set { words[place * X86Index.entriesPerTable + index] = newValue }
  }
}
