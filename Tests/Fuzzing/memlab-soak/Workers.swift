import Foundation
import Synchronization

/// Numbered tasks on a few threads, in order of their numbers as far as threads allow.
enum Workers {
  /// Runs `body` with the number of a worker and each number below `count` until one answers false.
  static func run(_ workers: Int, count: Int, _ body: @Sendable (_ worker: Int, _ number: Int) -> Bool) {
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: min(workers, count)) { worker in
      while true {
        let number = next.add(1, ordering: .relaxed).oldValue
        guard number < count else { return }
        if !body(worker, number) { next.store(count, ordering: .relaxed) }
      }
    }
  }

  /// Prints a line at once, whatever standard output is.
  static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

  /// Seconds since a moment, for people to read.
  static func seconds(since start: ContinuousClock.Instant) -> String {
    let (seconds, fraction) = (ContinuousClock.now - start).components
    return String(format: "%.1f s", Double(seconds) + Double(fraction) / 1e18)
  }
}
