internal import Foundation
internal import Synchronization

/// The reports that this process has begun to write: for a program that is about to end in the middle of one.
///
/// The invariant: while the lock is held no report moves into its place, so what `remove` finds is staged and nothing else.
public enum UnfinishedReport {
  private static let staged = Mutex<[URL]>([])

  /// Notes that a folder is about to be staged.
  static func begin(_ staging: URL) { staged.withLock { $0.append(staging) } }

  /// Does what ends a staging, whether it moves or removes it, in one piece that `remove` does not come between.
  static func end<Failure: Error>(_ staging: URL, _ body: () throws(Failure) -> Void) throws(Failure) {
    try staged.withLock { list throws(Failure) in
      try body()
      list.removeAll { $0 == staging }
    }
  }

  /// Removes what is staged, and ends the program before anybody can miss it. A report that is just moving into its place gets there first.
  public static func remove(thenEnd end: () -> Never) -> Never {
    staged.withLock { list -> Never in
      for folder in list {
        // A program that draws a figure may add a file while the folder is removed.
        for _ in 0..<10 where FileManager.default.fileExists(atPath: folder.path) { try? FileManager.default.removeItem(at: folder) }
      }
      end()
    }
  }
}
