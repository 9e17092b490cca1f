/// What a field of scenario files or a result means.
public struct Explanation: Hashable, Sendable {
  /// A detail with its name.
  public struct Detail: Hashable, Sendable {
    /// What it is about, "default".
    public var label: String
    /// What it says, "1GiB".
    public var text: String

    /// A detail.
    public init(_ label: String, _ text: String) {
      self.label = label
      self.text = text
    }
  }

  /// The path, with `*` for a name or index that is free, `vms.*.memory`.
  public var path: String
  /// What it means, in one line or more.
  public var documentation: String
  /// More about it, in order.
  public var details: [Detail]

  /// An explanation, such as one of a result.
  public init(path: String, documentation: String, details: [Detail] = []) {
    self.path = path
    self.documentation = documentation
    self.details = details
  }
}

extension Explanation: CustomStringConvertible {
  /// The path, what it means, and a line for each detail.
  public var description: String {
    ([path] + documentation.split(separator: "\n").map { "  " + $0 } + details.map { "  \($0.label): \($0.text)" }).joined(separator: "\n")
  }
}

/// A path that is neither a field's nor a result's.
public struct UnknownPath: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was asked for.
  public var path: String
  /// The nearest known paths, nearest first; empty if none is near.
  public var nearest: [String]

  /// What is wrong, and what may have been meant.
  public var description: String {
    let shown = "\"\(path.quotable)\" is neither a field of scenarios nor a result"
    return nearest.isEmpty ? shown : shown + "\nnote: near it: \(nearest.joined(separator: ", "))"
  }
}

extension ScenarioSchema {
  /// Explains a path: that of a field or, among the entries of the caller, of a result.
  ///
  /// Elements of lists may be named (`vms.web.memory`), starred or left out; the beginning of a path may be left out where the rest is
  /// known (`pages_to_scan`). More than one explanation is given where a path means different things in different kinds of guests.
  /// - Throws: that nothing is known by the path.
  public static func explain(_ path: String, among results: [Explanation] = []) throws(UnknownPath) -> [Explanation] {
    let known = explanations(of: fields, under: [], in: nil) + results
    let asked = path.replacing("[]", with: "").split(separator: ".", omittingEmptySubsequences: false)
    let whole = best(known, asked) { [$0[...]] }
    if !whole.isEmpty { return whole }
    let ends = best(known, asked) { parts in parts.indices.dropFirst().map { parts[$0...] }.filter { $0.first != "*" } }
    guard ends.isEmpty else { return ends }
    throw UnknownPath(path: path, nearest: nearest(to: path, among: known))
  }

  /// The entries that match by one of the candidates that are made of their paths. `vms.memory` is a field of a machine rather than a
  /// machine that is called memory: of all that match, those with the most names of their own.
  private static func best(
    _ known: [Explanation], _ asked: [Substring], by candidates: ([Substring]) -> [ArraySlice<Substring>]
  ) -> [Explanation] {
    let rated = known.map { entry in
      let matching = candidates(entry.path.split(separator: ".")).filter { matches($0, asked[...]) }
      return (entry: entry, names: matching.map { $0.count { $0 != "*" } }.max() ?? 0)
    }
    let most = rated.map(\.names).max() ?? 0
    return most > 0 ? rated.filter { $0.names == most }.map(\.entry) : []
  }

  private static func matches(_ pattern: ArraySlice<Substring>, _ asked: ArraySlice<Substring>) -> Bool {
    guard let first = pattern.first else { return asked.isEmpty }
    if first == "*" {
      return matches(pattern.dropFirst(), asked) || (!asked.isEmpty && matches(pattern.dropFirst(), asked.dropFirst()))
    }
    return asked.first == first && matches(pattern.dropFirst(), asked.dropFirst())
  }

  private static func nearest(to path: String, among known: [Explanation]) -> [String] {
    guard path.unicodeScalars.count <= 100 else { return [] }
    let isWord = !path.contains(".")
    let rated = known.enumerated().map { index, entry in
      let parts = entry.path.split(separator: ".").filter { $0 != "*" }
      let name = isWord ? parts.last.map(String.init) ?? "" : parts.joined(separator: ".")
      // A name that the asked path has in place of a star costs nothing near its own length, so the last words count double.
      let whole = NearestName.distance(path.lowercased(), name)
      let end = NearestName.distance(String(path.split(separator: ".").last ?? "").lowercased(), String(parts.last ?? ""))
      return (distance: whole + end, end: end, index: index, path: entry.path, length: parts.last?.count ?? 0)
    }
    let near = rated.filter { $0.end <= max(1, $0.length / 3) }.sorted { ($0.distance, $0.index) < ($1.distance, $1.index) }
    var paths: [String] = []
    for candidate in near where !paths.contains(candidate.path) { paths.append(candidate.path) }
    return Array(paths.prefix(3))
  }

  private static func explanations(of fields: [FieldDescription], under path: [String], in kind: String?) -> [Explanation] {
    fields.flatMap { field -> [Explanation] in
      let here = path + [field.name]
      var details = kind.map { [Explanation.Detail("where", $0)] } ?? []
      var inner: [Explanation] = []
      switch field.kind {
      case .value(let value):
        details.append(Explanation.Detail("holds", value.words))
        if let range = value.range { details.append(Explanation.Detail("range", range)) }
      case .section(let fields):
        details.append(Explanation.Detail("fields", fields.map(\.name).joined(separator: ", ")))
        inner = explanations(of: fields, under: here, in: kind)
      case .list(let fields, let count):
        details.append(Explanation.Detail("holds", "a list of \(count.lowerBound) to \(count.upperBound) elements"))
        details.append(Explanation.Detail("fields", fields.map(\.name).joined(separator: ", ")))
        inner = explanations(of: fields, under: here + ["*"], in: kind)
      case .values(let value, let count):
        details.append(Explanation.Detail("holds", "a list of \(count.lowerBound) to \(count.upperBound) elements, each \(value.words)"))
      case .settings:
        details.append(Explanation.Detail("holds", "values by the paths of other fields, such as sharing.scanner: none"))
      case .choice(let key, let alternatives):
        let names = alternatives.map(\.name).joined(separator: ", ")
        details.append(Explanation.Detail("holds", "fields by its \(key), one of \(names)"))
        inner.append(
          Explanation(
            path: (here + [key]).joinedPath(), documentation: "Which kind of \(field.name) it is.",
            details: alternatives.map { Explanation.Detail($0.name, $0.documentation) }))
        for alternative in alternatives {
          inner += explanations(of: alternative.fields, under: here, in: "\(key) is \(alternative.name)")
        }
      }
      if field.isRequired {
        details.append(Explanation.Detail("default", "none, it must be given"))
      } else if let initial = field.defaultText {
        details.append(Explanation.Detail("default", initial.isEmpty ? "empty" : initial))
      }
      let isList = if case .list = field.kind { true } else { false }
      return [Explanation(path: (here + (isList ? ["*"] : [])).joinedPath(), documentation: field.documentation, details: details)] + inner
    }
  }
}
