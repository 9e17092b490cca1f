/// A file's text as lines, so that a diagnostic can show them.
struct SourceText: Sendable {
  /// The whole text.
  let text: String
  /// Its lines without their breaks.
  let lines: [String]
  /// The index of each line's first scalar.
  private let starts: [Int]

  /// Why the bytes are no text that YAML allows (YAML 1.2.2, 5.1 and 5.2: UTF-8 without control characters); the lines end there.
  let fault: Reading.Finding?

  /// The largest file that is read, in bytes.
  static let mostBytes = 1 << 20

  /// Takes a file's bytes.
  init(bytes: [UInt8]) {
    var (lines, line, text) = ([String](), String.UnicodeScalarView(), String.UnicodeScalarView())
    var (starts, count) = ([0], 0)
    var problem: String?
    var parser = Unicode.UTF8.ForwardParser()
    // A byte order mark is no part of the first line.
    let mark = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    var iterator = bytes.dropFirst(mark).prefix(Self.mostBytes).makeIterator()
    var isAfterReturn = false
    reading: while true {
      switch parser.parseScalar(from: &iterator) {
      case .emptyInput: break reading
      case .error:
        problem = "the file is not UTF-8: no character begins or ends with this byte"
        break reading
      case .valid(let encoded):
        let scalar = Unicode.UTF8.decode(encoded)
        // The breaks that YAML 1.1 knows, as its parser counts lines by them.
        switch scalar.value {
        case 0x0a where isAfterReturn: starts[starts.count - 1] = count + 1
        case 0x0a, 0x0d, 0x85, 0x2028, 0x2029:
          lines.append(String(line))
          line = String.UnicodeScalarView()
          starts.append(count + 1)
        case 0x09, 0x20...0x7e, 0xa0...0xd7ff, 0xe000...0xfffd, 0x10000...: line.append(scalar)
        default:
          problem = "a scenario cannot hold the control character U+\(String(scalar.value, radix: 16))"
          break reading
        }
        text.append(scalar)
        count += 1
        isAfterReturn = scalar == "\r"
      }
    }
    var place = SourceNode.Place.file(line: lines.count + 1, column: line.count + 1)
    if bytes.count > Self.mostBytes {
      problem = "the file is larger than 1 MiB, the most that a scenario may have"
      place = .file(line: 1, column: 1)
    }
    fault = problem.map { Reading.Finding(place: place, message: $0) }
    self.lines = lines + [String(line)]
    self.starts = starts
    self.text = String(text)
  }

  /// The index among the text's scalars of a place, nil if the text has none there.
  func scalarIndex(line: Int, column: Int) -> Int? {
    guard starts.indices.contains(line - 1), column >= 1, column <= lines[line - 1].unicodeScalars.count else { return nil }
    return starts[line - 1] + column - 1
  }

  /// A line by its number from 1, empty if there is none.
  func line(_ number: Int) -> String { lines.indices.contains(number - 1) ? lines[number - 1] : "" }
}
