internal import Foundation
internal import RAMImages
internal import Synchronization

/// What SIGINT and SIGTERM do. By default they end the program at once with the code for it; a run is first asked to stop.
enum Interrupt {
  private static let count = Atomic(0)
  private static let signals = [SIGINT, SIGTERM]

  /// From now on a signal ends the program. Called first of all: a program that starts memlab may have handed down that signals wait.
  static func endAtOnce() {
    var mask = sigset_t()
    // SAFETY: the three calls read and write a local set, which lives during them.
    unsafe sigemptyset(&mask)
    for number in signals { unsafe sigaddset(&mask, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    for number in signals { signal(number) { _ in _exit(ExitStatus.interrupted.rawValue) } }
  }

  /// From now on a signal ends the program, after what was begun for an output file is removed.
  static func endAtOnce(removing output: String) {
    watch()
    Thread.detachNewThread {
      while !isSet { Thread.sleep(forTimeInterval: 0.02) }
      UnfinishedFile.remove(for: output)
      _exit(ExitStatus.interrupted.rawValue)
    }
  }

  /// From now on the first signal only sets a flag, and the second ends the program.
  static func watch() {
    for number in signals {
      signal(number) { _ in
        if Interrupt.count.add(1, ordering: .relaxed).oldValue > 0 { _exit(ExitStatus.interrupted.rawValue) }
      }
    }
  }

  /// Whether a signal came.
  static var isSet: Bool { count.load(ordering: .relaxed) > 0 }
}
