import Addressing
import PageTables

@testable import Translation

/// What a hypervisor should answer, found out the slow way: it keeps no types and no counts. To judge a request it looks at all that the
/// guest holds, its pins and its root, with what it asks for besides, and follows every entry: if any frame would then have two uses, or be
/// somebody else's, the answer is no.
struct NaiveHypervisor {
  /// What a reference needs.
  enum Use: Equatable {
    case table(Int)
    case writable
    case anything
  }

  /// The words of each guest frame that tests use, by index.
  var words: [[Int: UInt64]]
  /// The guest frame of each machine frame.
  var owners: [UInt64: Int] = [:]
  var pins: [Int: Int] = [:]
  var root: Int?
  let levels = 4

  init(frames: Int) { words = Array(repeating: [:], count: frames) }

  /// The uses of all frames; nil where two disagree. `extra` is one more reference.
  func uses(with extra: (frame: Int, use: Use)? = nil) -> [Int: Use]? {
    var uses: [Int: Use] = [:]
    var waiting = pins.map { (frame: $0.key, use: Use.table($0.value)) }
    if let root { waiting.append((root, .table(levels))) }
    if let extra { waiting.append(extra) }
    while let (frame, use) = waiting.popLast() {
      if use == .anything { continue }
      if let known = uses[frame] {
        if known != use { return nil }
        continue
      }
      uses[frame] = use
      guard case .table(let level) = use else { continue }
      for word in words[frame].values where word & 1 != 0 {
        guard let next = reference(word, level: level) else { return nil }
        waiting.append(next)
      }
    }
    return uses
  }

  /// What an entry of a table refers to; nil where it is not allowed there.
  func reference(_ word: UInt64, level: Int) -> (frame: Int, use: Use)? {
    let forbidden: UInt64 = 1 << 3 | 1 << 4 | 1 << 7 | 0xf << 48 | (level > 1 ? 1 << 8 : 0)
    guard word & forbidden == 0, let frame = owners[word >> 12 & (1 << 36 - 1)] else { return nil }
    if level > 1 { return (frame, .table(level - 1)) }
    return (frame, word & 2 != 0 ? .writable : .anything)
  }

  func level(of frame: Int) -> Int? {
    if case .table(let level) = uses()?[frame] { level } else { nil }
  }

  /// Stores a word at a hypercall's request, if it may be.
  mutating func store(_ word: UInt64, _ frame: Int, _ index: Int) -> Bool {
    if let level = level(of: frame), word & 1 != 0 {
      guard let next = reference(word, level: level), uses(with: next) != nil else { return false }
    }
    words[frame][index] = word
    return true
  }

  mutating func pin(_ frame: Int, level: Int) -> Bool {
    guard (1...levels).contains(level), pins[frame] == nil, uses(with: (frame, .table(level))) != nil else { return false }
    pins[frame] = level
    return true
  }

  mutating func unpin(_ frame: Int) -> Bool { pins.removeValue(forKey: frame) != nil }

  mutating func loadRoot(_ frame: Int) -> Bool {
    guard uses(with: (frame, .table(levels))) != nil else { return false }
    root = frame
    return true
  }

  /// Whether anything refers to a frame.
  func isReferred(_ frame: Int) -> Bool {
    if pins[frame] != nil || root == frame { return true }
    for (table, use) in uses() ?? [:] {
      guard case .table = use else { continue }
      if words[table].values.contains(where: { $0 & 1 != 0 && owners[$0 >> 12 & (1 << 36 - 1)] == frame }) { return true }
    }
    return false
  }

  /// Moves a frame: tables follow, other pages hold what they hold.
  mutating func move(_ frame: Int, from old: UInt64, to new: UInt64) {
    for (table, use) in uses() ?? [:] {
      guard case .table = use else { continue }
      for (index, word) in words[table] where word & 1 != 0 && word >> 12 & (1 << 36 - 1) == old {
        words[table][index] = word & ~X86Entry.frameMask | new << 12
      }
    }
    owners[old] = nil
    owners[new] = frame
  }
}
