internal import Foundation
internal import RAMImages
internal import Reporting
internal import Synchronization

/// What SIGINT, SIGTERM and SIGHUP do. By default they end the program at once with the code for it; a run is first asked to stop.
enum Interrupt {
  private static let count = Atomic(0)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// From now on a signal ends the program. Called first of all: a program that starts memlab may have handed down that signals wait.
  static func endAtOnce() {
    var mask = sigset_t()
    // SAFETY: the three calls read and write a local set, which lives during them.
    unsafe sigemptyset(&mask)
    for number in signals { unsafe sigaddset(&mask, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    handle { _ in _exit(ExitStatus.interrupted.rawValue) }
    // A file that grows beyond what the shell allows (ulimit -f) is an error of writing like a full disk, and is reported as one.
    signal(SIGXFSZ, SIG_IGN)
  }

  /// From now on a signal ends the program, after what was begun for an output file is removed.
  static func endAtOnce(removing output: String) {
    end(atSignal: 1) {
      UnfinishedFile.remove(for: output)
      _exit(ExitStatus.interrupted.rawValue)
    }
  }

  /// From now on the first signal only sets a flag, and the second ends the program, after what was begun for a report is removed.
  static func watch() {
    end(atSignal: 2) { UnfinishedReport.remove { _exit(ExitStatus.interrupted.rawValue) } }
  }

  /// Whether a signal came.
  static var isSet: Bool { count.load(ordering: .relaxed) > 0 }

  /// Counts signals, and ends the program at one of them; a third does so whatever else goes on.
  private static func end(atSignal last: Int, _ body: @escaping @Sendable () -> Never) {
    handle { _ in
      if Interrupt.count.add(1, ordering: .relaxed).oldValue > 1 { _exit(ExitStatus.interrupted.rawValue) }
    }
    Thread.detachNewThread {
      while count.load(ordering: .relaxed) < last { Thread.sleep(forTimeInterval: 0.02) }
      body()
    }
  }

  /// Sets what the signals do. A program started by nohup goes on when its terminal closes.
  private static func handle(_ handler: @escaping @convention(c) (Int32) -> Void) {
    for number in signals {
      let older = signal(number, handler)
      // SAFETY: a pointer to a C function, or none, is read as the number that it is; 1 is SIG_IGN.
      if number == SIGHUP, unsafe unsafeBitCast(older, to: Int.self) == 1 { signal(number, SIG_IGN) }
    }
  }
}
