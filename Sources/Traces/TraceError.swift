/// Why an access stream cannot be opened or read on.
public struct TraceError: Error, Equatable, Sendable {
  /// What sort of failure it is: callers choose an exit code by it.
  public enum Kind: String, Sendable {
    /// There is no such file.
    case missing
    /// A folder, or a file or pipe that the operating system does not let us read.
    case unreadable
    /// The input holds nothing.
    case empty
    /// The input ends inside a record or a compressed stream.
    case truncated
    /// The input contradicts its format.
    case malformed
    /// No known format, or a variant of one that memlab does not read.
    case unsupported
    /// No such generator, or parameters that it does not take.
    case usage
  }

  /// Where in the input the failure is.
  public enum Place: Hashable, Sendable {
    /// Nowhere in particular.
    case whole
    /// A line and a column of a text, both from 1; columns count bytes.
    case line(UInt64, column: Int)
    /// A record, from 1, and the offset of the byte to blame in the decompressed bytes.
    case record(UInt64, offset: UInt64)
    /// A byte of the file itself, where it cannot be decompressed.
    case byte(UInt64)
  }

  /// The input, as the user named it.
  public let source: String
  /// What sort of failure it is.
  public let kind: Kind
  /// Where in the input it is.
  public let place: Place
  /// What is wrong, in words for the input's owner.
  public let problem: String
  /// The line that is wrong, shortened, with nothing in it that a terminal would obey; nil for anything but text.
  public let line: String?

  /// A failure at a place of an input.
  public init(_ source: String, _ kind: Kind, at place: Place = .whole, _ problem: String, line: String? = nil) {
    self.source = source
    self.kind = kind
    self.place = place
    self.problem = problem
    self.line = line
  }
}

extension TraceError: CustomStringConvertible {
  /// "path:12:4: error: problem", or "path: record 7 (byte 0x1c0): error: problem"; after a text's, the line and a caret.
  public var description: String {
    let source = Self.printable(source.utf8)
    let problem = Self.printable(problem.utf8)
    switch place {
    case .whole: return "\(source): error: \(problem)"
    case .byte(let offset): return "\(source): byte 0x\(String(offset, radix: 16)): error: \(problem)"
    case .record(let number, let offset): return "\(source): record \(number) (byte 0x\(String(offset, radix: 16))): error: \(problem)"
    case .line(let number, let column):
      let head = "\(source):\(number):\(column): error: \(problem)"
      guard let line else { return head }
      guard column <= line.count + 1 else { return "\(head)\n  \(line)" }
      return "\(head)\n  \(line)\n  \(String(repeating: " ", count: column - 1))^"
    }
  }

  /// Bytes as text on one line, a question mark for each that a terminal might obey or not show.
  static func printable(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.map { $0 == 9 ? 32 : $0 < 32 || $0 == 127 ? 63 : $0 }, as: UTF8.self)
  }
}
