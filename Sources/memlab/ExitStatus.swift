internal import ArgumentParser
internal import Foundation

/// The exit codes that scripts rely on; those from 64 on are those of sysexits.h.
enum ExitStatus: Int32 {
  /// An expectation or a comparison failed.
  case failed = 1
  /// A scenario, a trace or an image is wrong.
  case badInput = 65
  /// An input is missing.
  case missingInput = 66
  /// An invariant of memlab is broken.
  case brokenInvariant = 70
  /// The output cannot be written.
  case cannotWrite = 73
  /// The user interrupted; what was finished is kept.
  case interrupted = 130

  var code: ExitCode { ExitCode(rawValue) }
}

/// Standard error: progress and diagnostics.
enum Diagnostics {
  /// Prints a line.
  static func print(_ text: String) { write(text + "\n") }

  /// Prints without ending the line.
  static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// Prints an error and gives the exit code to throw.
  static func fail(_ status: ExitStatus, _ text: String) -> ExitCode {
    print(text)
    return status.code
  }
}
