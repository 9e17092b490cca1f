internal import Scenarios
internal import Traces

/// What the writer of an unknown name may have meant, to be put behind the error.
enum NameHint {
  /// "; did you mean ...?", or nothing if no name is near.
  static func text(for name: String, among names: [String]) -> String {
    NearestName.nearest(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
  }

  /// The same for an access stream that could not be opened: a generator, one of its parameters, or a file that is not there.
  static func text(forSource source: String, _ error: TraceError) -> String {
    let generators = GeneratorKind.allCases.map(\.rawValue)
    guard source.hasPrefix(GeneratorKind.prefix) else {
      guard error.kind == .missing, let name = source.split(separator: ":").first.map(String.init), generators.contains(name) else {
        return ""
      }
      return "; did you mean \"\(GeneratorKind.prefix)\(source)\"?"
    }
    let parts = source.dropFirst(GeneratorKind.prefix.count).split(separator: ":", maxSplits: 1).map(String.init)
    guard let kind = parts.first.flatMap(GeneratorKind.init(rawValue:)) else { return text(for: parts.first ?? "", among: generators) }
    let known = kind.parameters.map(\.name)
    let given = parts.dropFirst().joined().split(separator: ",").compactMap { $0.split(separator: "=").first.map(String.init) }
    return given.first { !known.contains($0) }.map { text(for: $0, among: known) } ?? ""
  }
}
