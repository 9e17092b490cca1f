internal import Foundation

/// Measures memlab: `memlab-bench [--largest GiB] [--scale GiB] [--image GiB] [--scratch FOLDER] [--out FOLDER] [SUBJECT...]`, run by `make bench`.
///
/// `--largest` is the largest host of stored pages; `--scale` the largest whose scan's cost is measured (1024 needs 13 GiB of memory and a quarter of an
/// hour); `--image` the file of the exact scan, written to the folder `--scratch` (default: TMPDIR, or else /tmp) and removed.
///
/// A harness of its own, since what matters here are ratios between two things measured in turns, and bytes; general harnesses record
/// whole numbers of one thing at a time, and the machine's name.
@main struct MemlabBench {
  static func main() throws {
    var largest = 16
    var image = 8
    var scratch = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    var scale = 64
    var folder: String?
    var subjects: [String] = []
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--largest": largest = arguments.popFirst().flatMap { Int($0) } ?? largest
      case "--image": image = max(1, arguments.popFirst().flatMap { Int($0) } ?? image)
      case "--scratch": scratch = arguments.popFirst() ?? scratch
      case "--scale": scale = arguments.popFirst().flatMap { Int($0) } ?? scale
      case "--out": folder = arguments.popFirst()
      default: subjects.append(argument)
      }
    }
    let machine = FigureTable.machine
    print("memlab-bench: \(machine)")
    let all: [(name: String, run: () throws -> Section)] = [
      ("hash", { PageHashBenchmark.run() }), ("exact", { try ExactScanBenchmark.run(folder: scratch, largestGiB: image) }),
      ("scale", { try ScaleBenchmark.run(largestGiB: scale) }), ("stored", { try StoredPageBenchmark.run(largestGiB: largest) }),
      ("tlb", { TLBBenchmark.run() }), ("translation", { try TranslationBenchmark.run() }),
      ("traces", { try TraceBenchmark.run(folder: scratch) }),
      ("reclaim", { try ReclaimBenchmark.run() }), ("run", { try RunBenchmark.run(scenario: "Workloads/quickstart.yaml") }),
    ]
    if let unknown = subjects.first(where: { subject in !all.contains { $0.name == subject } }) {
      throw BenchmarkError(problem: "\(unknown) is no subject; the subjects are \(all.map(\.name).joined(separator: ", "))")
    }
    var sections: [Section] = []
    for subject in all where subjects.isEmpty || subjects.contains(subject.name) {
      sections.append(try subject.run())
      print(FigureTable.text(sections[sections.count - 1]), terminator: "")
    }
    let table = FigureTable(sections: sections)
    if let folder {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try table.csv.write(toFile: "\(folder)/benchmarks.csv", atomically: true, encoding: .utf8)
      try table.markdown(machine: machine).write(toFile: "\(folder)/README.md", atomically: true, encoding: .utf8)
      print("\nwritten: \(folder)/README.md, \(folder)/benchmarks.csv")
    }
    if sections.contains(where: { $0.figures.contains { !$0.holds } }) { exit(1) }
  }
}
