internal import ArgumentParser
internal import Foundation
internal import RAMImages

/// The exit codes that scripts rely on; those from 64 on are those of sysexits.h. Wrong usage, 64, is the parser's.
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

  /// The exit code of a failure to read recorded or live memory, or to write a summary of it.
  init(_ error: ImageError) {
    self =
      switch error.kind {
      case .missing, .unreadable, .changed: .missingInput
      case .cannotWrite: .cannotWrite
      case .empty, .truncated, .malformed, .unsupported, .tooLarge, .noSuchGuest, .incompatible: .badInput
      }
  }
}

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
}

/// Standard output: the result.
enum StandardOutput {
  /// What stands for standard streams that memlab was started without.
  private static let substitutes: [FileHandle] = (STDIN_FILENO...STDERR_FILENO).compactMap { number in
    fcntl(number, F_GETFD) < 0 ? FileHandle(forReadingAtPath: "/dev/null") : nil
  }

  /// Keeps the numbers of the standard streams taken where the caller closed them: the next file to be opened would get them, and a
  /// result would be written into it. What stands in can only be read, so that writing fails.
  static func reserve() { _ = substitutes }

  /// Prints text that ends its own lines.
  static func write(_ text: String) throws {
    do { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) } catch {
      throw Diagnostics.fail(.cannotWrite, "error: the result cannot be written to standard output")
    }
  }
}
