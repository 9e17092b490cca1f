internal import Yams

/// # YAMLReader: from bytes to a tree of values with places
///
/// Yams composes the tree; here it is made safe and simple. A scenario uses little of YAML: fields, lists and single values. Anchors,
/// aliases, merge keys and tags are refused, since a value should stand where it holds and a place should be one place; that also leaves
/// nothing that could grow (ten lines of aliases of aliases make a billion nodes). The refusal comes after Yams has composed the tree, and
/// Yams hashes keys, through aliases, while it does: therefore a file with many words that look like aliases is refused before that.
///
/// The limits: 1 MiB (`SourceText`), depth 64, 100,000 nodes. libyaml itself stops at depth 1000, so composing cannot exhaust the stack.
///
/// A duplicate key makes Yams stop at the first of the two. To see the rest of the file, and the second of the two, the first is renamed
/// in place to a name that nobody can write by accident, the file is composed again, and the tree gets the name back.
struct YAMLReader {
  private static let mostDepth = 64
  private static let mostNodes = 100_000
  private static let mostAliases = 8
  /// How often a file is composed again for a duplicate key, at most, and how many bytes may be composed in all for that.
  private static let mostDuplicates = 32
  private static let mostDuplicateBytes = 4 << 20

  private let source: SourceText
  /// The keys that were renamed, by place.
  private var renamed: [SourceNode.Place: String] = [:]
  private var nodes = 0
  /// What is wrong, apart from what no tree can be made of.
  private(set) var findings: [Reading.Finding] = []

  private init(source: SourceText) { self.source = source }

  /// Reads a text.
  /// - Returns: the tree, nil if none can be made, and all that is wrong with it as YAML.
  static func read(_ source: SourceText) -> (root: SourceNode?, findings: [Reading.Finding]) {
    if let fault = source.fault { return (nil, [fault]) }
    var reader = YAMLReader(source: source)
    do throws(Reading.Finding) {
      try reader.refuseManyAliases()
      return (try reader.compose(), reader.findings)
    } catch {
      return (nil, reader.findings + [error])
    }
  }

  private func refuseManyAliases() throws(Reading.Finding) {
    var count = 0
    for (index, line) in source.lines.enumerated() where line.first(where: { $0 != " " && $0 != "\t" }) != "#" {
      var previous: Unicode.Scalar = " "
      for (column, scalar) in line.unicodeScalars.enumerated() {
        if previous == "*", !" \t*".unicodeScalars.contains(scalar) { count += 1 }
        if count > Self.mostAliases {
          throw Reading.Finding(place: .file(line: index + 1, column: column), message: "aliases (*name) are not part of scenario files")
        }
        previous = scalar
      }
    }
  }

  private mutating func compose() throws(Reading.Finding) -> SourceNode? {
    var scalars = Array(source.text.unicodeScalars)
    let mostRounds = min(Self.mostDuplicates, max(1, Self.mostDuplicateBytes / max(1, scalars.count)))
    for round in 0...mostRounds {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars)
      do {
        let parser = try Parser(yaml: String(view), resolver: .basic, encoding: .utf8)
        // The parser owns the anchors that nodes point to weakly.
        return try withExtendedLifetime(parser) { try parser.singleRoot().map { try convert($0, depth: 0) } }
      } catch let finding as Reading.Finding {
        throw finding
      } catch YamlError.duplicatedKeysInMapping(let names, let context) {
        let place = SourceNode.Place.file(line: context.mark.line, column: context.mark.column)
        let index = source.scalarIndex(line: context.mark.line, column: context.mark.column)
        let name = names.first ?? ""
        guard round < mostRounds, renamed[place] == nil, let index, index + 1 < scalars.count else {
          throw Reading.Finding(place: place, message: "the field \"\(name.quotable)\" is given twice")
        }
        renamed[place] = name
        // U+E000 and on are for private use: printable in YAML, and no field's name.
        let isQuoted = scalars[index] == "\"" || scalars[index] == "'"
        if let mark = Unicode.Scalar(0xe000 + UInt32(round)) { scalars[index + (isQuoted ? 1 : 0)] = mark }
      } catch let error as YamlError {
        throw finding(for: error)
      } catch {
        throw Reading.Finding(place: .file(line: 1, column: 1), message: "the file cannot be read as YAML")
      }
    }
    return nil
  }

  private func finding(for error: YamlError) -> Reading.Finding {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let place = SourceNode.Place.file(line: mark.line, column: mark.column)
      if problem == "but found another document" {
        return Reading.Finding(place: place, message: "a scenario is one document, and here another begins")
      }
      if problem.hasPrefix("Maximum nesting level") {
        return Reading.Finding(place: place, message: "the file is nested deeper than \(Self.mostDepth) levels")
      }
      let line = source.line(mark.line)
      if line.unicodeScalars.dropFirst(mark.column - 1).first == "\t" {
        return Reading.Finding(place: place, message: "YAML does not allow a tab here", note: "indent with spaces")
      }
      let note = context.map { "\($0.text) that begins in line \($0.mark.line), column \($0.mark.column)" }
      return Reading.Finding(place: place, message: "this is not YAML: \(problem)", note: note)
    default:
      return Reading.Finding(place: .file(line: 1, column: 1), message: "the file cannot be read as YAML")
    }
  }

  private mutating func convert(_ node: Node, depth: Int) throws -> SourceNode {
    let place = node.mark.map { SourceNode.Place.file(line: $0.line, column: $0.column) } ?? .file(line: 1, column: 1)
    nodes += 1
    guard nodes <= Self.mostNodes else {
      throw Reading.Finding(place: place, message: "the file has more than 100,000 values")
    }
    guard depth <= Self.mostDepth else {
      throw Reading.Finding(place: place, message: "the file is nested deeper than \(Self.mostDepth) levels")
    }
    if let anchor = node.anchor {
      findings.append(
        Reading.Finding(place: place, message: "anchors and aliases (&\(anchor.rawValue.quotable)) are not part of scenario files"))
    }
    let tag = node.tag.description
    if !["", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"].contains(tag) {
      findings.append(Reading.Finding(place: place, message: "tags (\(tag.quotable)) are not part of scenario files"))
    }
    switch node {
    case .scalar(let scalar): return SourceNode(place: place, content: .scalar(scalar.string, isPlain: scalar.style == .plain))
    case .sequence(let elements):
      return SourceNode(place: place, content: .sequence(try elements.map { try convert($0, depth: depth + 1) }))
    case .mapping(let pairs): return SourceNode(place: place, content: .mapping(try entries(of: pairs, depth: depth)))
    case .alias: return SourceNode(place: place, content: .scalar("", isPlain: true))
    }
  }

  private mutating func entries(of pairs: Node.Mapping, depth: Int) throws -> [SourceNode.Entry] {
    var entries: [SourceNode.Entry] = []
    var firstPlaces: [String: SourceNode.Place] = [:]
    for (key, value) in pairs {
      let node = try convert(key, depth: depth + 1)
      guard case .scalar(let text, _) = node.content else {
        findings.append(Reading.Finding(place: node.place, message: "the name of a field is a word, not \(node.kindInWords)"))
        continue
      }
      let entry = SourceNode.Entry(key: renamed[node.place] ?? text, keyPlace: node.place, value: try convert(value, depth: depth + 1))
      if case .file(let line, _)? = firstPlaces[entry.key] {
        let message = "the field \"\(entry.key.quotable)\" is given twice"
        findings.append(Reading.Finding(place: node.place, message: message, note: "the first is in line \(line)"))
      } else {
        firstPlaces[entry.key] = node.place
        entries.append(entry)
      }
    }
    return entries
  }
}
