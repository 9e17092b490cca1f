import Columns
import PageSharing
import RAMImages
import Testing

/// Files of every format with a few bytes changed: the reader either refuses them or reads whole pages that lie in the file.
@Suite("No change of a file's bytes makes a reader trap") struct MutationTests {
  static let files: [[UInt8]] = [
    Build.trace([("a", [1, 0, 1, 2]), ("b", [2, 3])]),
    Build.summary("MLMFP1", [("a", 2, [UInt8](repeating: 1, count: 32)), ("b", 0, [])]),
    Build.lime([(0x1000, Build.page(1)), (0x9000, Build.page(2))]),
    Build.core([.init(virtual: 0x1000), .init(offset: 8192, virtual: 0x5000)], body: Build.page(1) + Build.page(2)),
  ]

  @Test("Random changes, mostly in headers, are refused or read", arguments: files.indices) func randomChanges(file: Int) throws {
    var stream = RandomSource(seed: 5).stream("mutations/\(file)")
    let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xfe, 0xff]
    var refused = 0
    for _ in 0..<300 {
      var bytes = Self.files[file]
      for _ in 0...stream.index(below: 4) {
        let place = stream.index(below: stream.oneIn(4) ? bytes.count : min(bytes.count, 200))
        bytes[place] = stream.oneIn(2) ? extremes[stream.index(below: extremes.count)] : UInt8(stream.below(256))
      }
      if stream.oneIn(5) { bytes = Array(bytes[..<stream.index(below: bytes.count)]) }
      let changed = try RecordedFile(bytes)
      do {
        let inputs = try changed.input
        let scan = try ExactScanner(threads: 1).scan(inputs)
        #expect(scan.totals.pages <= UInt64(bytes.count) / 4)
      } catch {
        refused += 1
        #expect(error is ImageError)
      }
    }
    #expect(refused > 50)
  }
}
