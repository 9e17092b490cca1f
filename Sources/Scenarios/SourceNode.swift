/// A node of a scenario file's tree, with its place.
struct SourceNode: Sendable {
  /// Where the node stands.
  enum Place: Hashable, Sendable {
    /// Line and column in the file, both from 1.
    case file(line: Int, column: Int)
    /// The argument of the command line with this index.
    case argument(Int)
  }

  /// A field of a mapping.
  struct Entry: Sendable {
    var key: String
    var keyPlace: Place
    var value: SourceNode
  }

  /// What a node is.
  indirect enum Content: Sendable {
    /// A value; `isPlain` unless it stands in quotes, so that `"null"` is a text and `null` is none.
    case scalar(String, isPlain: Bool)
    /// Fields.
    case mapping([Entry])
    /// A list.
    case sequence([SourceNode])
  }

  var place: Place
  var content: Content

  /// Whether the node says that there is no value.
  var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What kind of node it is, for messages.
  var kindInWords: String {
    switch content {
    case .scalar: "a single value"
    case .mapping: "fields"
    case .sequence: "a list"
    }
  }

  /// The value of a field of a mapping, if it is a single value.
  func scalar(named key: String) -> String? {
    guard case .mapping(let entries) = content, let entry = entries.first(where: { $0.key == key }) else { return nil }
    guard case .scalar(let text, _) = entry.value.content else { return nil }
    return text
  }

  /// The node on one line: a single value as it is, fields and lists as YAML's flow style.
  var flowText: String {
    if case .scalar(let text, _) = content { return text }
    return flow
  }

  private var flow: String {
    switch content {
    case .scalar(let text, isPlain: true): CanonicalNode.quoted(text)
    // In double quotes whatever it says, so that it cannot be taken for none.
    case .scalar(let text, isPlain: false): text.isEmpty ? "\"\"" : CanonicalNode.quoted(text)
    case .sequence(let elements): "[" + elements.map(\.flow).joined(separator: ", ") + "]"
    case .mapping(let entries): "{" + entries.map { "\(CanonicalNode.quoted($0.key)): \($0.value.flow)" }.joined(separator: ", ") + "}"
    }
  }
}
