internal import Foundation

/// The folder that a report goes into, and the one beside its files where the report is first written in full.
///
/// Invariant: until `commit` the folder is as it was; `commit` moves finished files, which takes no space and cannot stop half-way
/// for want of it, and takes its moves back when one fails. A folder that is not there yet appears with everything in it, in one step.
/// Files in the folder that are not the report's stay, and so does a complete report if the new one is of an interrupted run. Of two runs that write into one folder at once, each moves all of its files before
/// or after the other: the folder holds the later one's report, and no mixture.
struct OutputFolder {
  /// Where the report goes.
  let destination: URL
  /// Where it is written first: in the destination if that exists, so that moving stays within one file system, or else beside it.
  let staging: URL
  private let exists: Bool

  /// What a report may consist of.
  private static let reportNames = [
    "figures", "manifest.json", "metrics.csv", "report.html", "results.sqlite", "summary.json", "timeline.csv", "variants", "variants.csv",
    "vms.csv",
  ]

  private static let stagingPrefix = ".memlab-staging-"

  /// Checks that a report can go to a path, without writing anything.
  static func check(_ path: String) throws(ReportingError) {
    _ = try place(path)
  }

  /// Where the report of an interrupted run goes: to the path, or beside it where a complete report would be lost.
  static func placeForPartial(_ path: String) -> String {
    guard let manifest = manifest(of: resolved(path)), manifest.contains("\n  \"state\": \"complete\"") else { return path }
    return String(path.reversed().drop { $0 == "/" }.reversed()) + ".partial"
  }

  /// Checks that none of some files is a part of an older report at a path, which a new one would replace.
  static func check(_ path: String, keeping files: [String]) throws(ReportingError) {
    let folder = resolved(path).pathComponents
    for file in files {
      let components = resolved(file).pathComponents
      guard components.starts(with: folder), let name = components.dropFirst(folder.count).first, reportNames.contains(name) else {
        continue
      }
      throw .inputInReport(path: path, input: file)
    }
  }

  private static func resolved(_ path: String) -> URL {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath()
  }

  /// Checks the path and makes an empty staging folder.
  init(_ path: String) throws(ReportingError) {
    (destination, exists) = try Self.place(path)
    let name = Self.stagingPrefix + UUID().uuidString
    staging = (exists ? destination : destination.deletingLastPathComponent()).appendingPathComponent(name, isDirectory: true)
    do {
      UnfinishedReport.begin(staging)
      try FileManager.default.createDirectory(at: staging, withIntermediateDirectories: true)
    } catch {
      UnfinishedReport.end(staging) {}
      throw ReportingError(error, writing: path)
    }
  }

  /// Removes what was staged.
  func discard() {
    UnfinishedReport.end(staging) { try? FileManager.default.removeItem(at: staging) }
  }

  /// Moves everything staged into place.
  /// - Parameter move: how one file or folder is moved.
  func commit(moving move: (URL, URL) throws -> Void = FileManager.default.moveItem(at:to:)) throws(ReportingError) {
    do {
      try UnfinishedReport.end(staging) {
        if !exists {
          do { return try move(staging, destination) } catch {
            // Another run may have made the folder since; where nothing did, or something else, this says what is in the way.
            guard Self.type(of: destination) != nil else { throw error }
            _ = try Self.place(destination.path)
          }
        }
        // The lock ends with the handle. Where a file system knows no locks, runs move their files as if they were alone.
        let handle = FileHandle(forReadingAtPath: destination.path)
        if let handle { _ = flock(handle.fileDescriptor, LOCK_EX) }
        defer { try? handle?.close() }
        try moveIntoPlace(move)
      }
    } catch {
      discard()
      throw ReportingError(error, writing: destination.path)
    }
    discard()
  }

  /// Moves each older file out of the way, each new one into its place, and all of it back if one move fails.
  private func moveIntoPlace(_ move: (URL, URL) throws -> Void) throws {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: staging.path).sorted()
    let replaced = staging.appendingPathComponent("replaced", isDirectory: true)
    try files.createDirectory(at: replaced, withIntermediateDirectories: false)
    var undo: [(from: URL, to: URL)] = []
    do {
      // What an older report had and this one, which is whole, has not must not be taken for a part of it.
      for name in Self.reportNames where names.contains("manifest.json") && !names.contains(name) {
        let (place, old) = (destination.appendingPathComponent(name), replaced.appendingPathComponent(name))
        guard Self.type(of: place) != nil else { continue }
        try move(place, old)
        undo.append((from: old, to: place))
      }
      for name in names {
        let (new, place, old) = (
          staging.appendingPathComponent(name), destination.appendingPathComponent(name), replaced.appendingPathComponent(name)
        )
        if Self.type(of: place) != nil {
          try move(place, old)
          undo.append((from: old, to: place))
        }
        try move(new, place)
        undo.append((from: place, to: new))
      }
    } catch {
      for step in undo.reversed() { try? move(step.from, step.to) }
      throw error
    }
  }

  /// Where a path leads, and whether a folder is there that a report may go into: an empty one or one of an older run.
  private static func place(_ path: String) throws(ReportingError) -> (URL, exists: Bool) {
    let url = URL(fileURLWithPath: path, isDirectory: true).standardizedFileURL.resolvingSymlinksInPath()
    guard let type = type(of: url) else {
      try checkAncestor(of: url, path)
      return (url, false)
    }
    guard type == .typeDirectory else { throw .outputIsFile(path: path) }
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: url.path) } catch { throw ReportingError(error, writing: path) }
    let others = names.filter { !$0.hasPrefix(stagingPrefix) }
    guard others.isEmpty || isRun(url) else { throw .outputIsForeign(path: path) }
    guard FileManager.default.isWritableFile(atPath: url.path) else { throw .notWritable(path: path, reason: "permission denied") }
    return (url, true)
  }

  /// Checks that the nearest folder above a path that is to be made can hold it.
  private static func checkAncestor(of url: URL, _ path: String) throws(ReportingError) {
    var ancestor = url.deletingLastPathComponent()
    while type(of: ancestor) == nil, ancestor.pathComponents.count > 1 { ancestor.deleteLastPathComponent() }
    guard type(of: ancestor) == .typeDirectory else { throw .outputIsFile(path: ancestor.path) }
    guard FileManager.default.isWritableFile(atPath: ancestor.path) else {
      throw .notWritable(path: path, reason: "permission denied in \(ancestor.path)")
    }
  }

  /// What is at a path whose links are resolved; nil for nothing.
  private static func type(of url: URL) -> FileAttributeType? {
    (try? FileManager.default.attributesOfItem(atPath: url.path))?[.type] as? FileAttributeType
  }

  /// Whether a folder holds a manifest that memlab wrote.
  private static func isRun(_ folder: URL) -> Bool {
    manifest(of: folder) != nil
  }

  private static func manifest(of folder: URL) -> String? {
    guard let manifest = try? String(contentsOf: folder.appendingPathComponent("manifest.json"), encoding: .utf8) else { return nil }
    return manifest.hasPrefix("{\n  \"schema\": \"\(ManifestInput.schemaPrefix)") ? manifest : nil
  }
}
