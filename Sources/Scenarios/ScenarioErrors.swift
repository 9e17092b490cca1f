/// Why a scenario could not be loaded.
public enum ScenarioErrors: Error, Hashable, Sendable {
  /// There is no such file.
  case missing(path: String)
  /// The file is there but cannot be read: a folder, or without permission.
  case unreadable(path: String, reason: String)
  /// The file or an argument breaks rules: everything that is wrong with them, in the order of the file, then of the arguments.
  case invalid([ScenarioDiagnostic])

  /// The exit code of a command that fails with it: 66 (`EX_NOINPUT` of sysexits.h) without a readable file, 65 (`EX_DATAERR`) for bad
  /// content.
  public var exitCode: Int32 {
    switch self {
    case .missing, .unreadable: 66
    case .invalid: 65
    }
  }

  /// What is wrong with the content; empty if the file could not be read.
  public var diagnostics: [ScenarioDiagnostic] {
    if case .invalid(let diagnostics) = self { diagnostics } else { [] }
  }
}

extension ScenarioErrors: CustomStringConvertible {
  /// The errors, ready for a terminal; of very many, the first hundred.
  public var description: String {
    switch self {
    case .missing(let path): "\(path): error: there is no such file"
    case .unreadable(let path, let reason): "\(path): error: \(reason)"
    case .invalid(let diagnostics):
      (diagnostics.prefix(100).map(\.description) + (diagnostics.count > 100 ? ["and \(diagnostics.count - 100) more errors"] : []))
        .joined(separator: "\n")
    }
  }
}

/// One thing that is wrong with a scenario, and where.
public struct ScenarioDiagnostic: Hashable, Sendable {
  /// Where a wrong value stands.
  public enum Origin: Hashable, Sendable {
    /// In a file, the path as the user gave it; `line` and `column` count from 1, columns in Unicode scalars, as YAML does.
    case file(path: String, line: Int, column: Int, text: String)
    /// In an argument of the command line, such as `--set host.memory=1`.
    case argument(String)
  }

  /// Where.
  public var origin: Origin
  /// What is wrong, without a full stop.
  public var message: String
  /// What to do about it, where that is known: the nearest valid name, or all of them.
  public var note: String?

  /// The line in the file, from 1; nil in an argument.
  public var line: Int? {
    if case .file(_, let line, _, _) = origin { line } else { nil }
  }

  /// The column in the file, from 1; nil in an argument.
  public var column: Int? {
    if case .file(_, _, let column, _) = origin { column } else { nil }
  }
}

extension ScenarioDiagnostic: CustomStringConvertible {
  /// `file:line:column: error: text`, the line, a caret under the place, and the note.
  public var description: String {
    var lines: [String]
    switch origin {
    case .file(let path, let line, let column, let text):
      lines = ["\(path):\(line):\(column): error: \(message)"]
      if !text.isEmpty {
        // Of a long line, what is around the place. Tabs stay tabs, so that the caret stands right whatever width the terminal gives them.
        let start = column <= 120 ? 0 : column - 61
        let shown = text.unicodeScalars.dropFirst(start).prefix(160)
        let indent = shown.prefix(column - 1 - start).map { $0 == "\t" ? "\t" : " " }.joined()
        lines += [String(String.UnicodeScalarView(shown)), indent + "^"]
      }
    case .argument(let argument):
      lines = ["\(argument): error: \(message)"]
    }
    if let note { lines.append("note: \(note)") }
    return lines.joined(separator: "\n")
  }
}
