import Addressing
import Columns
import PageSharing

@testable import Machine

/// A keeper that stores plain copies, and for every other page holds some stable frame as if it needed that to restore the page.
final class CopyKeeper: PageKeeper {
  unowned var memory: Host!
  private(set) var pages: [UInt32: [UInt8]] = [:]
  private var held: [UInt32: HostFrame] = [:]
  /// The last stable frame that was seen.
  var lastStable: HostFrame?
  /// Changes what is given back, as a wrong scanner would.
  var isWrong = false

  /// Stores a page and asks the memory to take it.
  @discardableResult func take(_ page: PageOrdinal) -> Bool {
    switch memory.backing(of: page) {
    case .private(let frame):
      let bytes = unsafe memory.withBytes(of: frame) { unsafe Array($0) }
      pages[page.rawValue] = bytes
      guard memory.entrust(page, to: self) else {
        pages[page.rawValue] = nil
        return false
      }
      if page.rawValue % 2 == 0, let stable = lastStable, memory.hold(stable) { held[page.rawValue] = stable }
      return true
    case .stable(let frame):
      lastStable = frame
      return false
    case .absent, .zeroFrame: return false
    }
  }

  func read(_ page: PageOrdinal, into target: borrowing Column<UInt8>) {
    let bytes = pages[page.rawValue]!
    for index in 0..<4096 { target[index] = bytes[index] }
    if isWrong { target[4095] ^= 1 }
  }

  func forget(_ page: PageOrdinal) {
    precondition(pages.removeValue(forKey: page.rawValue) != nil, "a page is forgotten twice")
    if let frame = held.removeValue(forKey: page.rawValue) { memory.release(frame) }
  }
}
