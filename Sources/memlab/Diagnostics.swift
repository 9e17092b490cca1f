internal import ArgumentParser
internal import Foundation
internal import RAMImages
internal import Traces

/// Standard error: progress and diagnostics.
enum Diagnostics {
  /// Prints a line.
  static func print(_ text: String) { write(text + "\n") }

  /// Prints without ending the line. Where standard error is closed nobody reads it, and nothing happens.
  static func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

  /// Prints an error and gives the exit code to throw.
  static func fail(_ status: ExitStatus, _ text: String) -> ExitCode {
    print(text)
    return status.code
  }

  /// Prints an image's failure and gives the exit code to throw.
  static func fail(_ error: ImageError) -> ExitCode { fail(ExitStatus(error), "error: \(error)") }

  /// Prints an access stream's failure and gives the exit code to throw.
  /// - Parameter hint: what the user may have meant.
  static func fail(_ error: TraceError, hint: String = "") -> ExitCode {
    if error.kind == .usage {
      print("\(error)\(hint)\nhelp: memlab help trace")
      return .validationFailure
    }
    return fail(ExitStatus(error), error.description + hint)
  }
}
