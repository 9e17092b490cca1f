import Columns
import Foundation
import PageSharing
import RAMImages
import Testing

/// What a page is used for, by the kernel's flags, and what that says of sharing.
@Suite("Kinds of pages") struct KindTests {
  static func flags(_ bits: Int...) -> UInt64 { bits.reduce(0) { $0 | 1 << UInt64($1) } }

  /// Words as /proc/kpageflags shows them for pages of these uses, by the names in include/uapi/linux/kernel-page-flags.h.
  static let table: [(name: String, flags: UInt64, kind: PageKind)] = [
    ("mapped file: REFERENCED UPTODATE LRU ACTIVE MMAP", flags(2, 3, 5, 6, 11), .pageCache),
    ("read file: UPTODATE LRU", flags(3, 5), .pageCache),
    ("tmpfs: UPTODATE LRU SWAPBACKED", flags(3, 5, 14), .pageCache),
    ("locked library: UPTODATE MMAP UNEVICTABLE MLOCKED", flags(3, 11, 18, 33), .pageCache),
    ("heap: UPTODATE LRU MMAP ANON SWAPBACKED", flags(3, 5, 11, 12, 14), .anonymous),
    ("heap that KSM merged: MMAP ANON KSM", flags(11, 12, 21), .anonymous),
    ("transparent huge page: HEAD ANON THP", flags(3, 5, 11, 12, 14, 15, 22), .anonymous),
    ("swap cache: LRU ANON SWAPCACHE", flags(3, 5, 12, 13, 14), .anonymous),
    ("slab", flags(7), .slab), ("large slab: SLAB HEAD", flags(7, 15), .slab),
    ("page table: PGTABLE, and even if mapped", flags(11, 26), .kernel),
    ("reserved by the firmware", flags(32), .kernel), ("the guest's zero page: ZERO_PAGE", flags(24, 32), .kernel),
    ("ballooned: OFFLINE", flags(23), .kernel), ("a stack: nothing", 0, .kernel),
    ("hugetlbfs: MMAP HEAD HUGE", flags(3, 11, 15, 17), .huge), ("free: BUDDY", flags(10), .free),
    ("a hole: NOPAGE", flags(20), .unknown), ("broken: HWPOISON", flags(3, 5, 12, 19), .unknown),
  ]

  @Test("Each word has the kind that its flags say", arguments: table.indices) func kindOfFlags(row: Int) {
    let row = Self.table[row]
    for before in [nil, PageKind.anonymous, .free] { #expect(PageKind(flags: row.flags, before: before) == row.kind, "\(row.name)") }
  }

  @Test("The tails of a large page are of its kind where they have no flags of their own") func tails() {
    let tail = Self.flags(16)
    #expect(
      PageKind.kinds(of: [Self.flags(7, 15), tail, tail, Self.flags(12), tail | Self.flags(10)]) == [
        .slab, .slab, .slab, .anonymous, .free,
      ])
    #expect(PageKind.kinds(of: [tail]) == [.kernel])
  }

  /// Random guests with random flags.
  struct Guests {
    let files: [RecordedFile]
    let flags: [RecordedFile]
    let words: [[UInt64]]
    let bytes: [[UInt8]]

    init(_ seed: UInt64) throws {
      bytes = ExactScannerTests.guests(seed)
      var stream = RandomSource(seed: seed).stream("flags")
      words = bytes.map { guest in
        (0..<guest.count / 4096).map { _ in KindTests.table[Int(stream.below(UInt64(KindTests.table.count)))].flags }
      }
      files = try bytes.map { try RecordedFile($0) }
      flags = try words.map { try RecordedFile($0.flatMap(Build.little)) }
    }

    func kinds(_ inputs: [MemoryInput]) throws -> [[PageKind]] {
      try zip(inputs, flags).map { try PageFlagsFile.kinds($1.path, for: $0, options: .init()) }
    }
  }

  @Test(
    "Counts by kind are those of a dictionary that keeps the first page of each content, and add up to the exact count",
    arguments: 0..<4 as Range<UInt64>)
  func breakdown(seed: UInt64) throws {
    let guests = try Guests(seed)
    let inputs = try guests.files.flatMap { try $0.input }
    for threads in [1, 3] {
      let scanner = ExactScanner(threads: threads)
      let classes = try scanner.classes(of: inputs)
      let found = try KindBreakdown(classes, kinds: guests.kinds(inputs))
      // pages, zero, saved zero, self, inter.
      var expected = PageKind.allCases.map { _ in [UInt64](repeating: 0, count: 5) }
      var lastGuest: [[UInt8]: Int] = [:]
      for (guest, bytes) in guests.bytes.enumerated() {
        for page in 0..<bytes.count / 4096 {
          let content = Array(bytes[page * 4096..<(page + 1) * 4096])
          let isZero = content.allSatisfy { $0 == 0 }
          let kind = Int(KindTests.table.first { $0.flags == guests.words[guest][page] }?.kind.rawValue ?? 0)
          expected[kind][0] += 1
          expected[kind][1] += isZero ? 1 : 0
          if let last = lastGuest[content] { expected[kind][isZero ? 2 : last == guest ? 3 : 4] += 1 }
          lastGuest[content] = guest
        }
      }
      #expect(found.counts.map { [$0.pages, $0.zeroPages, $0.savedZero, $0.savedSelf, $0.savedInter] } == expected)
      let exact = try scanner.scan(inputs)
      let totals = exact.totals
      #expect(classes.scan.totals == totals && classes.scan.inputs == exact.inputs)
      #expect(classes.scan.singleBytePages == exact.singleBytePages)
      func sum(_ field: KeyPath<KindBreakdown.Count, UInt64>) -> UInt64 { found.counts.reduce(0) { $0 + $1[keyPath: field] } }
      #expect(sum(\.pages) == totals.pages && sum(\.zeroPages) == totals.zeroPages && sum(\.savedPages) == totals.savedPages)
      #expect(sum(\.savedZero) == totals.savedZero && sum(\.savedSelf) == totals.savedSelf && sum(\.savedInter) == totals.savedInter)
    }
  }

  @Test("Identities and fingerprints of the same pages give the same kinds") func summaries() throws {
    let guests = try Guests(7)
    let inputs = try guests.files.flatMap { try $0.input }
    let direct = try KindBreakdown(try ExactScanner().classes(of: inputs), kinds: guests.kinds(inputs)).counts
    let trace = try RecordedFile([])
    try ExactScanner().identities(of: inputs).write(to: trace.path)
    let hashes = try RecordedFile([])
    try ExactScanner().fingerprints(of: inputs).write(to: hashes.path)
    for file in [trace, hashes] {
      let inputs = try file.input
      #expect(try KindBreakdown(try ExactScanner().classes(of: inputs), kinds: guests.kinds(inputs)).counts == direct)
    }
  }

  @Test("A page's flags are those of its frame, above the hole below 4 GiB too") func addresses() throws {
    let cold = Build.lime([(first: 0x1000, bytes: Build.page(1)), (first: 0x3000, bytes: Build.page(2))])
    let flags = try RecordedFile([Self.flags(10), Self.flags(12), 0, Self.flags(7)].flatMap(Build.little))
    let lime = try RecordedFile(cold)
    #expect(try PageFlagsFile.kinds(flags.path, for: try lime.input[0], options: .init()) == [.anonymous, .slab])
    let raw = try RecordedFile(Build.page(1) + Build.page(2))
    let options = RecordedMemory.Options(belowFourGiB: 4096)
    let high = try RecordedFile([])
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: high.path))
    try handle.write(contentsOf: Data(Build.little(Self.flags(10))))
    try handle.seek(toOffset: 8 << 20)
    try handle.write(contentsOf: Data(Build.little(Self.flags(12))))
    let input = try RecordedMemory.open(raw.path, options: options)[0]
    #expect(try PageFlagsFile.kinds(high.path, for: input, options: options) == [.free, .anonymous])
    let trace = try RecordedFile(Build.trace([("a", [1, 2])]))
    #expect(try PageFlagsFile.kinds(high.path, for: try trace.input[0], options: options) == [.free, .anonymous])
  }

  @Test("A file of flags that is not this memory's is refused, with its reason") func refusals() throws {
    let raw = try RecordedFile(Build.page(1) + Build.page(2))
    let input = try raw.input[0]
    let core = try RecordedFile(Build.core([Build.Segment(virtual: 0x1000)], body: Build.page(1)))
    let cases: [(bytes: [UInt8], kind: ImageError.Kind)] = [
      ([], .empty), ([UInt8](repeating: 0, count: 15), .malformed), ([UInt8](repeating: 0, count: 8), .truncated),
      ([UInt8](repeating: 0, count: 8 * ((1 << 15) + 2)), .incompatible),
    ]
    for (bytes, kind) in cases {
      let flags = try RecordedFile(bytes)
      let error = #expect(throws: ImageError.self) { _ = try PageFlagsFile.kinds(flags.path, for: input, options: .init()) }
      #expect(error?.kind == kind && error?.path == flags.path)
    }
    let sound = try RecordedFile([UInt8](repeating: 0, count: 8 * ((1 << 15) + 1)))
    #expect(try PageFlagsFile.kinds(sound.path, for: input, options: .init()) == [.kernel, .kernel])
    #expect(throws: ImageError.self) { _ = try PageFlagsFile.kinds("/nowhere", for: input, options: .init()) }
    #expect(throws: ImageError.self) { _ = try PageFlagsFile.kinds(sound.path, for: try core.input[0], options: .init()) }
  }
}
