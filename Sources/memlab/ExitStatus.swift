internal import ArgumentParser
internal import RAMImages
internal import Traces

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
  /// The system gives no memory; the columns end the program themselves.
  case noMemory = 71
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

  /// The exit code of a failure to read an access stream; wrong parameters of a generator are wrong usage, which is not among these.
  init(_ error: TraceError) {
    self =
      switch error.kind {
      case .missing, .unreadable: .missingInput
      case .empty, .truncated, .malformed, .unsupported, .usage: .badInput
      }
  }
}
