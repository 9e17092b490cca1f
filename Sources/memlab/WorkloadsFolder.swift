internal import Foundation

/// Where the scenarios that come with memlab are.
enum WorkloadsFolder {
  private static let name = "Workloads"

  /// The folder, as a path to show: in the current folder, or else beside the executable or in a folder above it, as in a checkout.
  static func find() -> String? { candidates.first { isFolder($0) } }

  /// Everywhere that it is looked for, in order.
  static var candidates: [String] {
    var candidates = [name]
    guard var folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() else { return candidates }
    while folder.pathComponents.count > 1 {
      candidates.append(folder.appendingPathComponent(name).path)
      folder.deleteLastPathComponent()
    }
    return candidates
  }

  private static func isFolder(_ path: String) -> Bool {
    (try? FileManager.default.attributesOfItem(atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path))?[.type]
      as? FileAttributeType == .typeDirectory
  }
}
