internal import Addressing
internal import CTraceFloor
internal import Columns
internal import Foundation
internal import Traces

/// Access streams: recordings that are read, and generators.
enum TraceBenchmark {
  private static let lines = 4 << 20

  static func run(folder: String) throws -> Section {
    var section = Section(
      title: "Access streams",
      method: """
        Lackey's text of \(lines) lines, of which six in ten are fetches, written to a file that stays in the page cache; every batch's records are \
        added up. The floor is a parser in C that reads the same file a block at a time, one byte after another, and checks nothing. The laboratory's \
        own format holds the same records; its floor is the same parser. Generators give 2^22 accesses, their tables' setting up included; the floor \
        is to add up as many records that are there.
        """)
    let text = "\(folder)/memlab-bench-\(ProcessInfo.processInfo.processIdentifier).lackey"
    let binary = text + ".mlaccess"
    defer { for path in [text, binary] { try? FileManager.default.removeItem(atPath: path) } }
    try writeText(to: text)
    try copy(text, to: binary)
    let records = Double(try sum(text))
    for (name, path, isLine) in [("lackey text", text, true), ("memlab's binary format", binary, false)] {
      var word: UInt64 = 0
      let (ours, floor) = try Measuring.bestOfBoth(rounds: 7) {
        _ = try sum(path)
      } _: {
        // SAFETY: the function reads a C string and writes a local word.
        guard unsafe memlab_floor_lackey(text, &word) >= 0 else { throw BenchmarkError(problem: "\(text) cannot be read") }
      }
      Measuring.keep(word)
      let count = isLine ? Double(lines) : records
      section.figures.append(
        Figure(
          name: name, value: ours / count, unit: isLine ? "ns/line" : "ns/record", floor: "a parser of the text in C",
          floorValue: floor / count,
          bound: isLine ? .atMost(15) : nil))
    }
    let batch = AccessBatch(count: AccessBatch.usualCount)
    for kind in GeneratorKind.allCases {
      let count = Double(1 << 22)
      let (time, floor) = try Measuring.bestOfBoth(rounds: 3) {
        _ = try sum("\(GeneratorKind.prefix)\(kind.rawValue)", limit: 1 << 22)
      } _: {
        addUp(batch, times: 1 << 22 / AccessBatch.usualCount)
      }
      section.figures.append(
        Figure(
          name: "\(GeneratorKind.prefix)\(kind.rawValue)", value: time / count, unit: "ns/access", floor: "adding up a batch",
          floorValue: floor / count))
    }
    return section
  }

  /// Adds up all records of a stream.
  private static func sum(_ source: String, limit: UInt64? = nil) throws -> UInt64 {
    let stream = try AccessStreams.open(source, limit: limit)
    let batch = AccessBatch(count: AccessBatch.usualCount)
    var sum: UInt64 = 0
    while case let count = try stream.fill(batch), count > 0 {
      for index in 0..<count { sum &+= batch[index].rawValue }
    }
    Measuring.keep(sum)
    return stream.counters.records
  }

  /// Adds up all records of a batch, so many times.
  private static func addUp(_ batch: borrowing AccessBatch, times: Int) {
    var sum: UInt64 = 0
    for round in 0..<times {
      batch[round % batch.count] = AccessRecord(rawValue: sum)
      for index in 0..<batch.count { sum &+= batch[index].rawValue }
    }
    Measuring.keep(sum)
  }

  private static func copy(_ source: String, to path: String) throws {
    let stream = try AccessStreams.open(source)
    let batch = AccessBatch(count: AccessBatch.usualCount)
    let writer = try TraceWriter(path)
    while case let count = try stream.fill(batch), count > 0 { try writer.append(batch, count: count) }
    try writer.commit()
  }

  /// A recording such as a small program's: code, a stack of ten digits' addresses, a heap.
  private static func writeText(to path: String) throws {
    var random = RandomSource(seed: 1).stream("benchmark/lackey")
    var text = Data()
    for _ in 0..<lines {
      let (choice, place) = (random.below(100), random.below(1 << 19))
      let line =
        switch choice {
        case 0..<60: "I  0" + String(0x400_0000 + place, radix: 16) + ",\(1 + place % 7)\n"
        case 60..<80: " L " + String(0x1f_ff00_0000 - place, radix: 16) + ",8\n"
        case 80..<97: " S 0" + String(0x420_0000 + place, radix: 16) + ",4\n"
        default: " M 0" + String(0x420_0000 + place, radix: 16) + ",8\n"
        }
      text.append(contentsOf: line.utf8)
    }
    try text.write(to: URL(filePath: path))
  }
}
