import Addressing
import PageContents

@testable import PageTables

/// Frames for tables: the first `capacity` frames of a host, freed ones filled with junk so that a use after free shows.
final class TableFrames: TableFrameSource {
  let contents: FrameContents
  private var free: [HostFrame]
  private(set) var used = 0

  init(_ contents: FrameContents, capacity: Int) {
    self.contents = contents
    free = (0..<capacity).reversed().map { HostFrame($0) }
  }

  func allocateTableFrame() -> HostFrame? {
    guard let frame = free.popLast() else { return nil }
    used += 1
    contents.setContent(.zero, of: frame)
    return frame
  }

  func freeTableFrame(_ frame: HostFrame) {
    used -= 1
    contents.setContent(.repeated(0xff), of: frame)
    free.append(frame)
  }
}
