import Addressing
import Testing
import Traces

@Suite("Generators do what their rules say") struct GeneratorTests {
  private static let data: UInt64 = 0x100_0000_0000

  private func pages(_ records: [AccessRecord]) -> [UInt64] {
    records.filter { !$0.isEvent }.map { ($0.address.rawValue - Self.data) >> 12 }
  }

  private func writeShare(_ records: [AccessRecord]) -> Double {
    Double(records.count { !$0.isEvent && $0.kind == .write }) / Double(records.count { !$0.isEvent })
  }

  @Test(
    "Every generator ends after its accesses, gives the same records for any size of batch and others for another seed",
    arguments: GeneratorKind.allCases)
  func determinism(kind: GeneratorKind) throws {
    let hasPages = kind.parameters.contains { $0.name == "pages" }
    let source = "gen:\(kind.rawValue):accesses=3001" + (hasPages ? ",pages=64" : "")
    let stream = try AccessStreams.open(source)
    let records = try Recorded.all(of: stream, batch: 16)
    #expect(records.count { !$0.isEvent } == 3001)
    #expect(stream.counters.accesses == 3001)
    #expect(stream.counters.records == UInt64(records.count))
    #expect(try Recorded.all(source, batch: 8192) == records)
    let limited = try Recorded.all(source, limit: 100, batch: 37)
    #expect(limited == Array(records.prefix(limited.count)))
    #expect(limited.count { !$0.isEvent } == 100)
    #expect(kind.hasEvents == records.contains { $0.isEvent })
    #expect(stream.length == (kind.hasEvents ? nil : 3001))
    #expect(try Recorded.all(of: AccessStreams.open(stream.name)) == records)
    if kind.parameters.contains(where: { $0.name == "writes" }) || kind == .random || kind == .gups || kind == .pointerChase {
      #expect(try Recorded.all(source + ",seed=2") != records)
    }
    #expect(!kind.summary.isEmpty)
  }

  @Test("sequential goes on by its stride and begins again behind the last page")
  func sequential() throws {
    let records = try Recorded.all("gen:sequential:pages=3,stride=1032,accesses=100,writes=0")
    for (index, record) in records.enumerated() {
      #expect(record == AccessRecord(GuestVirtualAddress(Self.data + UInt64(index) * 1032 % (3 * 4096)), .read))
    }
    #expect(writeShare(try Recorded.all("gen:sequential:writes=100,accesses=50")) == 1)
  }

  @Test("random meets as many distinct pages and writes as chance has it, within five deviations")
  func uniform() throws {
    let (pages, count) = (5000, 10_000)
    let records = try Recorded.all("gen:random:pages=\(pages),accesses=\(count),writes=30", batch: 8192)
    // The pages that n draws out of P leave out: P (1 - 1/P)^n, here 5000 / e^2 = 676.6; their variance is below their mean.
    var missing = Double(pages)
    for _ in 0..<count { missing *= 1 - 1 / Double(pages) }
    #expect(abs(Double(pages - Set(self.pages(records)).count) - missing) < 5 * missing.squareRoot())
    #expect(self.pages(records).allSatisfy { $0 < 5000 })
    #expect(abs(writeShare(records) - 0.3) < 5 * (0.3 * 0.7 / Double(count)).squareRoot())
  }

  @Test("zipf gives the most popular page one in H(P) of the accesses, the next half as many")
  func zipf() throws {
    let (pages, count) = (200, 20_000)
    let records = try Recorded.all("gen:zipf:pages=\(pages),accesses=\(count)", batch: 8192)
    let counts = Dictionary(grouping: self.pages(records)) { $0 }.values.map(\.count).sorted(by: >)
    let harmonic = (1...pages).reduce(0.0) { $0 + 1 / Double($1) }
    for rank in 0..<2 {
      let share = 1 / harmonic / Double(rank + 1)
      #expect(abs(Double(counts[rank]) / Double(count) - share) < 5 * (share * (1 - share) / Double(count)).squareRoot())
    }
  }

  @Test("pointer-chase visits every page once before any again, and then in the same order", arguments: [1, 2, 3, 7, 64, 500])
  func pointerChase(pages: Int) throws {
    let records = try Recorded.all("gen:pointer-chase:pages=\(pages),accesses=\(pages * 2)")
    #expect(Set(self.pages(Array(records.prefix(pages)))) == Set(0..<UInt64(pages)))
    #expect(records.prefix(pages) == records.suffix(pages))
  }

  @Test("pointer-chase leads from a page to each distance with equal chance, and to others with another seed")
  func pointerChaseIsRandom() throws {
    func chased(_ seed: Int) throws -> [UInt64] { pages(try Recorded.all("gen:pointer-chase:pages=4096,accesses=4096,seed=\(seed)")) }
    let (found, others) = (try chased(1), try chased(2))
    #expect(found != others)
    // In 16 classes of distances 256 steps each are expected; chi-square with 15 degrees of freedom lies below 45 in all but 1 of 10 000 cases.
    var classes = [Double](repeating: 0, count: 16)
    for (page, next) in zip(found, found.dropFirst() + found.prefix(1)) { classes[Int((next &- page) & 4095) / 256] += 1 }
    #expect(classes.reduce(0) { $0 + ($1 - 256) * ($1 - 256) / 256 } < 45)
  }

  @Test("the longest generated streams begin at once, whatever memory they go through")
  func beginsAtOnce() throws {
    for name in ["pointer-chase:pages=268435456", "random:pages=4294967296", "fork-storm:pages=268435456", "stack-heap:pages=268435456"] {
      let start = ContinuousClock.now
      #expect(try Recorded.all("gen:\(name),accesses=100").count >= 100)
      #expect(ContinuousClock.now - start < .seconds(5), "\(name)")
    }
  }

  @Test("gups writes each word that it has just read")
  func gups() throws {
    let records = try Recorded.all("gen:gups:pages=50,accesses=1000")
    for index in stride(from: 0, to: 1000, by: 2) {
      #expect(records[index].kind == .read && records[index + 1].kind == .write)
      #expect(records[index].address == records[index + 1].address)
    }
  }

  @Test("graph reads two neighbouring offsets and then that vertex's edges in order; an edge leads to one vertex, always")
  func graph() throws {
    let records = try Recorded.all("gen:graph:pages=64,degree=4,accesses=20000,writes=100", batch: 8192)
    #expect(pages(records).allSatisfy { $0 < 64 })
    var targets: [UInt64: UInt64] = [:]
    let words = records.map { ($0.address.rawValue - Self.data) >> 3 }
    let vertices: UInt64 = (64 * 512 - 1) / 6
    var (index, edges, lists) = (0, 0, 0)
    while index + 1 < words.count {
      if words[index] <= vertices {
        #expect(words[index + 1] == words[index] + 1)
        lists += 1
      } else {
        #expect(records[index + 1].kind == .write)
        if let known = targets.updateValue(words[index + 1], forKey: words[index]) { #expect(known == words[index + 1]) }
        if words[index - 2] > vertices { #expect(words[index] == words[index - 2] + 1) }
        edges += 1
      }
      index += 2
    }
    #expect(lists > 0 && edges > lists)
  }

  @Test("stack-heap never touches a block's page after it was unmapped, unless the block begins anew; all fits in its pages")
  func stackHeap() throws {
    let records = try Recorded.all("gen:stack-heap:pages=160,accesses=30000", batch: 1000)
    var (mapped, touched): (Set<UInt64>, Set<UInt64>) = ([], [])
    var first: UInt64 = 0
    var unmaps = 0
    for record in records {
      switch record.event {
      case _ where !record.isEvent:
        touched.insert(record.address.rawValue >> 12)
        if record.address.rawValue < 0x7000_0000_0000 { mapped.insert(record.address.rawValue >> 12) }
      case .range: first = record.argument
      case .unmap:
        #expect((1...16).contains(record.argument))
        // The block's first page was written when it began.
        #expect(mapped.contains(first))
        for page in first..<first + record.argument { mapped.remove(page) }
        unmaps += 1
      default: Issue.record("no other event is expected")
      }
    }
    #expect(unmaps > 100)
    #expect(touched.count <= 160)
    #expect(touched.contains { $0 >= 0x7_ffff_fff0 })
  }

  @Test("fork-storm: every child is forked by the parent, runs, writes its share, and ends before the parent goes on")
  func forkStorm() throws {
    let records = try Recorded.all("gen:fork-storm:pages=100,writes=7,execs=50,accesses=2000")
    #expect(records[0] == .run(1))
    #expect(records[1...100].allSatisfy { $0.kind == .write && !$0.isEvent })
    var (running, child, writes, execs, forks): (UInt64, UInt64, Int, Int, Int) = (1, 1, 0, 0, 0)
    for record in records.dropFirst(101) {
      switch record.isEvent ? record.event : nil {
      case nil: writes += 1
      case .fork:
        #expect(running == 1 && record.argument == child + 1)
        if forks > 0 { #expect(writes == 7) }
        (child, forks) = (record.argument, forks + 1)
      case .run: (running, writes) = (record.argument, 0)
      case .exec:
        #expect(running == child && writes == 7)
        (execs, writes) = (execs + 1, 0)
      case .exit: #expect(running == child && record.argument == child && writes == 7)
      default: Issue.record("no other event is expected")
      }
    }
    #expect(forks > 80)
    #expect(abs(Double(execs) / Double(forks) - 0.5) < 5 * (0.25 / Double(forks)).squareRoot())
  }

  @Test("ranges changes the tables once in so many accesses: a range lives through populate, protect, unprotect, unmap, then a fork")
  func ranges() throws {
    let records = try Recorded.all("gen:ranges:pages=64,hot=32,range=8,every=10,forks=2,writes=20,accesses=3000")
    let base = UInt64(0x100_0000_0000) >> 12
    #expect(records[0] == .run(1) && records[1] == AccessRecord(.range, base) && records[2] == AccessRecord(.populate, 64))
    var (events, used, child): ([StreamEvent], Int, UInt64) = ([], 0, 1)
    for record in records.dropFirst(3) {
      guard record.isEvent else {
        let page = record.address.page.rawValue - base
        if page >= 64 {
          #expect(events.last == .populate && record.kind == .write && page < 72)
        } else {
          #expect(page < 32 && (record.kind == .read || page < 2 || events.last == .run))
          used += 1
        }
        continue
      }
      switch record.event {
      case .range: #expect(record.argument == base + 64)
      case .fork: (child, events) = (child + 1, events + [.fork])
      case .run:
        if events.last == .fork { used -= 16 }
        #expect(record.argument == (events.last == .fork ? child : 1))
        events.append(.run)
      case .exit: events.append(.exit)
      case let event:
        #expect(record.argument == 8)
        events += [event].compactMap { $0 }
      }
    }
    let life: [StreamEvent] = [.populate, .protect, .unprotect, .unmap]
    let round = life + life + [.fork, .run, .exit, .run]
    let expected = [round, round, round, round, round].flatMap { $0 }
    #expect(Array(events.prefix(expected.count)) == expected)
    // One change after each 10 accesses to the hot pages.
    let changes = events.count { $0 != .run && $0 != .exit }
    #expect((10 * changes...10 * changes + 10).contains(used))
  }

  @Test("switches runs each process in turn for as many accesses as it says")
  func switches() throws {
    let records = try Recorded.all("gen:switches:processes=3,every=10,pages=4,accesses=100")
    for (index, record) in records.enumerated() {
      if index % 11 == 0 { #expect(record == .run(UInt64(index / 11 % 3 + 1))) } else { #expect(!record.isEvent) }
    }
    #expect(Set(pages(records)) == [0, 1, 2, 3])
  }

  @Test("switches lets a timer take the processor away after every so many accesses, whoever runs")
  func interruptions() throws {
    let records = try Recorded.all("gen:switches:processes=3,every=10,pages=4,accesses=100,exits=7")
    var accesses = 0
    for record in records {
      if record == AccessRecord(.worldSwitch) { #expect(accesses % 7 == 0 && accesses > 0) }
      accesses += record.isEvent ? 0 : 1
    }
    // The stream ends behind the last access.
    #expect(records.count { $0 == AccessRecord(.worldSwitch) } == 14 && accesses == 100)
    #expect(
      records.filter { $0 != AccessRecord(.worldSwitch) } == (try Recorded.all("gen:switches:processes=3,every=10,pages=4,accesses=100")))
  }

  @Test("page-table-writes rewrites the entry of the page accessed last, once in so many accesses")
  func pageTableWrites() throws {
    let records = try Recorded.all("gen:page-table-writes:every=9,pages=100,accesses=900")
    // The stream ends behind the last access, before the rewrite that would follow.
    #expect(records.count == 999)
    for index in stride(from: 9, to: 999, by: 10) {
      #expect(records[index] == AccessRecord(.rewrite, records[index - 1].address.page.rawValue))
    }
  }

  @Test("operations come once in so many accesses, by their weights; page faults touch pages that are not mapped")
  func operations() throws {
    let weights = "syscall=4,in=3,cr8=2,callret=1,divzero=0,pagefault=0,rewrite=0"
    let records = try Recorded.all("gen:operations:every=5,accesses=50000,\(weights)", batch: 8192)
    let operations = records.filter { $0.isEvent }
    #expect(operations.allSatisfy { $0.event == .operation })
    #expect((9999...10_000).contains(operations.count))
    for (argument, share) in [0.4, 0.3, 0.2, 0.1].enumerated() {
      let count = operations.count { $0.argument == UInt64(argument) }
      #expect(abs(Double(count) / 10_000 - share) < 5 * (share * (1 - share) / 10_000).squareRoot())
    }
    let faults = try Recorded.all(
      "gen:operations:every=1,pages=1,accesses=5000,syscall=0,in=0,cr8=0,callret=0,divzero=0,rewrite=0", batch: 8192)
    var mapped: Set<UInt64> = []
    for record in faults where record.isEvent || record.address.rawValue >= Self.data + 4096 {
      if record.event == .unmap && record.isEvent {
        #expect(record.argument == 512 && mapped.count == 512)
        mapped.removeAll()
      } else if !record.isEvent {
        #expect(mapped.insert(record.address.rawValue >> 12).inserted)
      }
    }
  }

  @Test(
    "What is wrong with a generator's name or parameters is an error that names what is valid",
    arguments: [
      ("gen:", "there is no generator \"\"; known here: sequential"), ("gen:zip", "there is no generator \"zip\""),
      ("gen:random:page=3", "there is no parameter \"page\" here; known here: pages, accesses, seed, writes"),
      ("gen:random:pages", "\"pages\" is not of the form key=value"), ("gen:random:", "\"\" is not of the form key=value"),
      ("gen:random:pages=0", "from 1 to 4294967296"), ("gen:random:pages=4294967297", "from 1 to 4294967296"),
      ("gen:random:pages=-1", "it must be a whole number"), ("gen:random:pages=99999999999999999999", "it must be a whole number"),
      ("gen:random:pages=1,pages=2", "pages is given twice"), ("gen:golden-seq:seed=1", "there is no parameter \"seed\""),
      ("gen:random:writes=101", "from 0 to 100"), ("gen:random:pages=٣", "it must be a whole number"),
    ])
  func usage(source: String, problem: String) {
    do throws(TraceError) {
      _ = try AccessStreams.open(source)
      Issue.record("\(source) should be refused")
    } catch {
      #expect(error.kind == .usage)
      #expect(error.description.hasPrefix("\(source): error: "))
      #expect(error.problem.contains(problem), "\(error)")
    }
  }
}
