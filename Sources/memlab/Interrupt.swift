internal import Foundation
internal import RAMImages
internal import Synchronization

/// What signals do. SIGINT and SIGTERM by default end the program at once with the code for it; a run is first asked to stop. SIGBUS
/// says that an input is no longer what it was when it was opened.
enum Interrupt {
  private static let count = Atomic(0)
  private static let signals = [SIGINT, SIGTERM]
  /// The output file that was begun.
  private static let begun = Mutex<String?>(nil)

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
    begun.withLock { $0 = output }
    watch()
    Thread.detachNewThread {
      while !isSet { Thread.sleep(forTimeInterval: 0.02) }
      UnfinishedFile.remove(for: output)
      _exit(ExitStatus.interrupted.rawValue)
    }
  }

  /// From now on a file that becomes shorter while it is read ends the program like one that is missing, not as a crash. Most such files are
  /// noticed by `MappedFile.populate`; for a page that is gone between that and its use there is only SIGBUS.
  static func endWhereInputsShrink() {
    signal(SIGBUS) { _ in
      // The load that failed raised it, on this thread, which holds no lock while it looks at mapped bytes: it may print.
      Diagnostics.print("error: an input became shorter or could not be read while it was in use")
      if let output = Interrupt.begun.withLock({ $0 }) { UnfinishedFile.remove(for: output) }
      _exit(ExitStatus.missingInput.rawValue)
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
