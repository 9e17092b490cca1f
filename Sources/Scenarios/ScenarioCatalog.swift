internal import Foundation

/// The scenarios in a folder, for listing. Their rules are not checked: a list should be there at once, and also show what is broken.
public struct ScenarioCatalog: Sendable {
  /// A scenario's file.
  public struct Item: Hashable, Sendable {
    /// The file.
    public var path: String
    /// The name that the scenario gives itself, otherwise the file's.
    public var name: String
    /// What the scenario says that it shows, on one line.
    public var description: String
    /// How many virtual machines it has; nil if it cannot be read.
    public var vmCount: Int?
  }

  /// The scenarios, in the order of their files' names.
  public let items: [Item]

  /// Looks at the files of a folder whose names end in `.yaml` or `.yml`; those that have no virtual machines are no scenarios and left
  /// out.
  /// - Throws: that there is no such folder.
  public init(folder: String) throws(ScenarioErrors) {
    guard FileManager.default.fileExists(atPath: folder) else { throw .missing(path: folder) }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw .unreadable(path: folder, reason: "the folder cannot be read")
    }
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    let files = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    items = files.compactMap { Self.item(path: prefix + $0, file: $0) }
  }

  private static func item(path: String, file: String) -> Item? {
    let title = file.split(separator: ".").first.map(String.init) ?? file
    guard let bytes = try? ScenarioLoader.read(path) else { return nil }
    let (root, findings) = YAMLReader.read(SourceText(bytes: bytes))
    guard let root else {
      let problem = findings.first.map(\.message) ?? "the file is empty"
      return Item(path: path, name: title, description: problem, vmCount: nil)
    }
    guard case .mapping(let fields) = root.content, let vms = fields.first(where: { $0.key == "vms" }) else { return nil }
    let count: Int? = if case .sequence(let elements) = vms.value.content { elements.reduce(0, Self.adding) } else { nil }
    let description = root.scalar(named: "description") ?? ""
    let line = description.split(whereSeparator: \.isNewline).joined(separator: " ")
    return Item(path: path, name: root.scalar(named: "name") ?? title, description: line, vmCount: count)
  }

  /// A sum with the machines that an element of a list stands for.
  private static func adding(_ sum: Int, _ machine: SourceNode) -> Int {
    let count = machine.scalar(named: "count").flatMap(Int.init) ?? 1
    return sum + min(max(count, 1), ScenarioRules.mostMachines)
  }
}
