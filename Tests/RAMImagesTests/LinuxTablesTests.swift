import Addressing
import Files
import Foundation
import PageTables
import Testing

@testable import RAMImages

/// The page tables of real Linux guests map what QEMU says that they map, entry for entry.
///
/// Each fixture holds the pages of one root's tables as a LiME dump, and what the monitor's `info tlb` printed at the same moment (QEMU
/// 7.2, target/i386/monitor.c): a line a page with the virtual address, the frame's address and nine letters for bits of the leaf.
@Suite struct LinuxTablesTests {
  struct Fixture: CustomTestStringConvertible, Sendable {
    let name: String
    let levels: Int
    let entries: Int
    /// Pages of 2 MiB and 1 GiB.
    let large: Int
    var testDescription: String { name }

    static let all = [
      Fixture(name: "linux-4level-0", levels: 4, entries: 5230, large: 1),
      Fixture(name: "linux-4level-2", levels: 4, entries: 6747, large: 268),
      Fixture(name: "linux-5level-0", levels: 5, entries: 12366, large: 1578),
      Fixture(name: "linux-5level-2", levels: 5, entries: 8057, large: 1577),
    ]

    private var path: String {
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Workloads/data/\(name)").path
    }

    func bytes(_ kind: String) throws -> [UInt8] {
      try SequentialFile(try MappedFile(path: "\(path).\(kind).zst")).read(upTo: 1 << 24, as: UInt8.self)
    }

    /// QEMU's lines; before them, one with the registers.
    func lines() throws -> [Substring] { String(decoding: try bytes("tlb"), as: UTF8.self).split(separator: "\n") }

    func field(_ name: String, in line: Substring) throws -> Substring {
      try #require(line.split(separator: " ").first { $0.hasPrefix(name + "=") }).dropFirst(name.count + 1)
    }

    /// CR3, and the dump in a file of its own.
    func open() throws -> (file: RecordedFile, cr3: GuestPhysicalAddress, controls: X86Controls) {
      let registers = try #require(try lines().first)
      var controls = X86Controls()
      controls.levels = try #require(Int(try field("levels", in: registers)))
      controls.physicalAddressBits = 52
      let cr3 = try #require(UInt64(try field("cr3", in: registers).dropFirst(2), radix: 16))
      return (try RecordedFile(try bytes("lime")), GuestPhysicalAddress(cr3), controls)
    }
  }

  /// An entry as QEMU prints it, read from the text by the test alone.
  private struct Line: Equatable {
    let address, target: UInt64
    let letters: String

    init(_ text: Substring) throws {
      let words = text.split(separator: " ")
      address = try #require(UInt64(words[0].dropLast(), radix: 16))
      target = try #require(UInt64(words[1], radix: 16))
      letters = String(words[2])
    }

    init(_ run: MappingRun, _ page: UInt64) {
      address = run.address.rawValue + page * run.pageSize.bytes
      target = run.target.rawValue + page * run.pageSize.bytes
      let leaf = run.leaf
      let flags: [(Character, Bool)] = [
        ("X", leaf.isNoExecute), ("G", leaf.isGlobal), ("P", run.pageSize != .size4K), ("D", leaf.isDirty), ("A", leaf.isAccessed),
        ("C", run.isCacheDisabled), ("T", run.isWriteThrough), ("U", leaf.isUser), ("W", leaf.isWritable),
      ]
      letters = String(flags.map { $0.1 ? $0.0 : "-" })
    }
  }

  @Test("Every entry is as QEMU's info tlb printed it: address, frame, size and nine bits", arguments: Fixture.all)
  func entries(fixture: Fixture) throws {
    let (file, cr3, controls) = try fixture.open()
    #expect(controls.levels == fixture.levels)
    let tables = try ImageTablesTests.open(file)
    var found: [Line] = []
    let outcome = X86Mappings(root: cr3, controls: controls).forEachRun(telling: .all, word: tables.word) { run in
      for page in 0..<run.pages { found.append(Line(run, page)) }
    }
    let expected = try fixture.lines().dropFirst().map { try Line($0) }
    #expect(expected.count == fixture.entries && found.count == expected.count)
    let differing = zip(found, expected).filter { $0 != $1 }
    #expect(differing.isEmpty, "\(differing.prefix(3))")
    #expect(outcome.isComplete && outcome.missingWords == 0 && outcome.reservedEntries == 0)
    #expect(found.count { $0.letters.contains("P") } == fixture.large)
  }

  @Test("A walk to the first and last byte of every run ends where the list says", arguments: Fixture.all)
  func walks(fixture: Fixture) throws {
    let (file, cr3, controls) = try fixture.open()
    let tables = try ImageTablesTests.open(file)
    var runs: [MappingRun] = []
    _ = X86Mappings(root: cr3, controls: controls).forEachRun(word: tables.word) { runs.append($0) }
    for run in runs {
      for offset in [0, run.size - 1] {
        var walk = X86Walk<GuestPhysical>(
          run.address.advanced(by: offset), root: GuestPhysicalAddress(cr3.rawValue & X86Entry.frameMask), levels: controls.levels,
          reserved: controls.reservedBits)
        var step = X86Step.table
        while step == .table { step = walk.step(X86Entry(rawValue: try #require(tables.word(at: walk.entryAddress)))) }
        #expect(step == .leaf && walk.pageSize == run.pageSize && walk.rights == run.rights)
        #expect(walk.target.address.rawValue == (run.target.rawValue + offset) & ~4095)
      }
    }
  }

  @Test("Runs are maximal: no run goes on where the one before it ends", arguments: Fixture.all)
  func maximal(fixture: Fixture) throws {
    let (file, cr3, controls) = try fixture.open()
    let tables = try ImageTablesTests.open(file)
    var runs: [MappingRun] = []
    _ = X86Mappings(root: cr3, controls: controls).forEachRun(word: tables.word) { runs.append($0) }
    for (a, b) in zip(runs, runs.dropFirst()) {
      #expect(a.address.rawValue + (a.size - 1) < b.address.rawValue)
      let touching = a.address.rawValue &+ a.size == b.address.rawValue && a.target.rawValue + a.size == b.target.rawValue
      #expect(!(touching && a.pageSize == b.pageSize && a.rights == b.rights && a.leaf == b.leaf))
    }
  }
}
