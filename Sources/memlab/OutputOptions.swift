internal import ArgumentParser
internal import Foundation
internal import Reporting
internal import Synchronization

/// The form of a printed result.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json, csv
}

/// When progress is shown.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable {
  case auto, plain, none
}

/// Options of every command that prints a result.
struct OutputOptions: ParsableArguments {
  @Option(help: "The form of the printed result.") var format: OutputFormat = .text
  @Option(help: "How progress is shown on standard error: a bar on a terminal, plain lines, or nothing.") var progress: ProgressMode = .auto
  @Flag(help: "Print the result and errors only.") var quiet = false

  /// Whether progress is printed in lines: where it was asked for, and on a terminal.
  var showsLines: Bool { !quiet && (progress == .plain || (progress == .auto && isatty(STDERR_FILENO) == 1)) }

  /// Prints a result in the form that was asked for.
  func print(text: String, json: JSONValue, csv: [[String]]) throws {
    switch format {
    case .text: try StandardOutput.write(text.hasSuffix("\n") ? text : text + "\n")
    case .json: try StandardOutput.write(json.text())
    case .csv: try StandardOutput.write(CSVText.text(csv))
    }
  }
}

/// A line of progress on standard error: a bar on a terminal, a line every tenth otherwise if that was asked for.
final class ProgressLine: Sendable {
  private let total: UInt64
  private let style: Style
  private let tenths = Mutex<UInt64>(0)

  private enum Style { case bar, lines, nothing }

  init(total: UInt64, options: OutputOptions) {
    self.total = max(1, total)
    if options.quiet || options.progress == .none {
      style = .nothing
    } else if options.progress == .plain {
      style = .lines
    } else {
      style = isatty(STDERR_FILENO) == 1 ? .bar : .nothing
    }
  }

  /// Shows how far virtual time got.
  func update(_ now: UInt64) {
    switch style {
    case .nothing: return
    case .bar:
      let filled = Int(min(40, now / max(1, total / 40)))
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 40 - filled)
      Diagnostics.write("\r[\(bar)] \(now / 1_000_000_000) s of \(total / 1_000_000_000) s")
    case .lines:
      let reached = now / max(1, total / 10)
      guard
        tenths.withLock({ tenths in
          defer { tenths = max(tenths, reached) }
          return reached > tenths
        })
      else { return }
      Diagnostics.print("\(now / 1_000_000_000) s of \(total / 1_000_000_000) s")
    }
  }

  /// Clears the bar.
  func end() {
    if style == .bar { Diagnostics.write("\r\u{1b}[K") }
  }
}

/// A line of progress through an access stream: a bar where its length is known, a count where not.
final class RecordProgress {
  private let total: UInt64?
  private let isShown: Bool
  private let isPlain: Bool
  private var next: UInt64 = 0

  init(total: UInt64?, options: OutputOptions) {
    self.total = total
    isShown = options.showsLines
    isPlain = options.progress == .plain
  }

  /// Shows how many records were replayed, every now and then.
  func update(_ records: UInt64) {
    guard isShown, records >= next else { return }
    let step = isPlain ? max(1, (total ?? 100_000_000) / 10) : max(1, min((total ?? 10_000_000) / 100, 10_000_000))
    next = records - records % step + step
    let text = total.map { "\(records) of \($0) records" } ?? "\(records) records"
    if isPlain { Diagnostics.print(text) } else { Diagnostics.write("\r\u{1b}[K\(text)") }
  }

  /// Clears the line.
  func end() { if isShown && !isPlain { Diagnostics.write("\r\u{1b}[K") } }
}
