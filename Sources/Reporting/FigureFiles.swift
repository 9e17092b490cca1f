internal import Foundation

/// The folder `figures`: for each figure its numbers, its script and, where gnuplot could draw it, its picture.
enum FigureFiles {
  /// Descriptors that one start of a program takes for its pipes, with room to spare.
  private static let descriptorsPerProgram = 24

  /// Whether enough files may be open to start so many programs at a time; without them the library that starts programs ends this one.
  static func canStartPrograms(_ count: Int) -> Bool {
    let wanted = Self.descriptorsPerProgram * min(max(1, count), 16)
    let probes = (0..<wanted).map { _ in FileHandle(forReadingAtPath: "/dev/null") }
    return !probes.contains { $0 == nil }
  }

  /// Writes and draws all figures into a folder.
  /// - Parameters:
  ///   - program: gnuplot's name in the search path.
  ///   - threads: how many figures are drawn at a time; with 0, none is.
  /// - Returns: the pictures' texts by the figures' names, and what could not be drawn, in words.
  static func write(_ figures: [Figure], to folder: URL, program: String = "gnuplot", threads: Int = 2) async throws -> (
    pictures: [String: String], warnings: [String]
  ) {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for figure in figures {
      try Data(figure.table.csv.text.utf8).write(to: folder.appendingPathComponent("\(figure.name).csv"))
      if let script = figure.script { try Data(script.utf8).write(to: folder.appendingPathComponent("\(figure.name).gp")) }
    }
    guard threads > 0 else { return ([:], []) }
    guard Self.canStartPrograms(threads) else {
      return ([:], ["too few files may be open (ulimit -n) to start gnuplot: the report has tables in place of its figures"])
    }
    let drawn = figures.filter { $0.script != nil }.map(\.name)
    let failures = await withTaskGroup(of: (String, Gnuplot.Failure?).self) { group in
      var failures: [String: Gnuplot.Failure] = [:]
      for (number, name) in drawn.enumerated() {
        if number >= max(1, threads), let (ended, failure) = await group.next() { failures[ended] = failure }
        group.addTask {
          do throws(Gnuplot.Failure) {
            try await Gnuplot.run("\(name).gp", in: folder, program: program)
            return (name, nil)
          } catch {
            return (name, error)
          }
        }
      }
      return await group.reduce(into: failures) { $0[$1.0] = $1.1 }
    }
    var (pictures, warnings) = ([String: String](), [String]())
    for name in drawn {
      let file = folder.appendingPathComponent("\(name).svg")
      switch failures[name] {
      case nil: pictures[name] = try String(contentsOf: file, encoding: .utf8)
      case .missing?:
        warnings = ["gnuplot is not in the search path: the report has tables in place of its figures"]
      case .failed(let words)?:
        try? FileManager.default.removeItem(at: file)
        let first = words.split(separator: "\n").first { $0.contains("error") || $0.contains("line") } ?? ""
        warnings.append("gnuplot could not draw \(name): \(first)")
      }
    }
    return (pictures, warnings)
  }
}
