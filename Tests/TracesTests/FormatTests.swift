import Addressing
import Testing
import Traces

@Suite("Formats of traces, against bytes written by hand") struct FormatTests {
  @Test("lackey: fetches, loads, stores and modifies, messages skipped, an access across a page twice")
  func lackey() throws {
    let text = """
      ==4711== Lackey, an example Valgrind tool
      ==4711== Command: /bin/true
      I  04016ab0,3
       L 1ffefffe7e,8
       S 1ffefffff8,16
       M 0421c7cc,4
      --4711-- a warning

      I  04016ffe,7
       L ffffffffff600000,1

      """
    try TraceFile.with(Array(text.utf8)) { path throws in
      let stream = try AccessStreams.open(path)
      let records = try Recorded.all(of: stream)
      let kernel = AccessRecord(GuestVirtualAddress(0xffff_ffff_ff60_0000), .read, .supervisor)
      #expect(
        records == [
          .fetch(0x0401_6ab0), .read(0x1f_fefffe7e), .write(0x1f_fefffff8), .write(0x1f_ff000000), .read(0x0421_c7cc), .write(0x0421_c7cc),
          .fetch(0x0401_6ffe), .fetch(0x0401_7000), kernel,
        ])
      #expect(stream.counters.records == 9)
      #expect(stream.counters.accesses == 9)
      #expect(stream.counters.skipped == 4)
      #expect(stream.counters.pageCrossings == 2)
    }
  }

  @Test("lackey: the last line needs no newline, lines may end in CR LF, capitals and 16 digits are numbers too")
  func lackeyEdges() throws {
    #expect(try TraceFile.records("I  1000,4\r\n L 2aB0,8") == [.fetch(0x1000), .read(0x2ab0)])
    #expect(try TraceFile.records(" L 0000000000001008,8\n S 00000001008,4096\n") == [.read(0x1008), .write(0x1008), .write(0x2000)])
    #expect(try TraceFile.records("I  1,1\n==1== end") == [.fetch(0)])
  }

  @Test("ChampSim: the fetch, then loads, then stores; 0 is no address")
  func champsim() throws {
    let bytes =
      TraceFile.champsim(0x40_1000, stores: [0x7ff0], loads: [0x9000, 0, 0xa008]) + TraceFile.champsim(0x40_1004, branch: 1)
      + TraceFile.champsim(0x40_1008, stores: [1 << 40, 8], loads: [16])
    try TraceFile.with(bytes) { path throws in
      let stream = try AccessStreams.open(path)
      let records = try Recorded.all(of: stream)
      #expect(
        records == [
          .fetch(0x40_1000), .read(0x9000), .read(0xa008), .write(0x7ff0), .fetch(0x40_1004), .fetch(0x40_1008), .read(16), .write(1 << 40),
          .write(8),
        ])
      #expect(stream.notes == ["ChampSim records of 64 bytes"])
    }
  }

  @Test("cloudsuite: records of 96 bytes, told by their content; a new address space runs")
  func cloudsuite() throws {
    let bytes =
      TraceFile.cloudsuite(0x40_1000, stores: [8, 16, 24, 32], loads: [40, 48, 56, 64], space: 3)
      + TraceFile.cloudsuite(0x40_1004, loads: [72], space: 3) + TraceFile.cloudsuite(0x40_1008, space: 258)
    let expected: [AccessRecord] =
      [.run(3), .fetch(0x40_1000)] + [40, 48, 56, 64].map { .read($0) } + [8, 16, 24, 32].map { .write($0) }
      + [.fetch(0x40_1004), .read(72), .run(258), .fetch(0x40_1008)]
    #expect(try TraceFile.records(bytes) == expected)
    #expect(try TraceFile.records(bytes, format: .champsim) == expected)
  }

  @Test("drmemtrace: types as its documentation says, a run event when another process's thread goes on")
  func drmemtrace() throws {
    func record(_ type: UInt16, _ size: UInt16 = 0, _ value: UInt64 = 0) -> [UInt8] { TraceFile.drmemtrace(type, size, value) }
    let bytes: [[UInt8]] = [
      record(25, 8, 4), record(28, 5, 4), record(22, 4, 100), record(24, 4, 7), record(47, 4, 0x9090), record(10, 4, 0x40_1000),
      record(0, 8, 0x7000), record(1, 16, 0x7ff8), record(29, 4, 0x40_1004), record(22, 4, 200), record(24, 4, 9), record(48, 2, 0x40_2000),
      record(49, 2, 0x40_2002), record(22, 4, 101), record(24, 4, 7), record(16, 1, 0x40_3000), record(22, 4, 100), record(0, 1, 0x7100),
      record(22, 4, 200), record(35, 8, 0x6666), record(13, 2, 0x40_2004), record(23, 4, 200), record(26),
    ]
    try TraceFile.with(bytes.flatMap { $0 }) { path throws in
      let stream = try AccessStreams.open(path)
      let records = try Recorded.all(of: stream)
      #expect(
        records == [
          .run(7), .fetch(0x40_1000), .read(0x7000), .write(0x7ff8), .write(0x8000), .run(9), .fetch(0x40_2000), .fetch(0x40_2002), .run(7),
          .fetch(0x40_3000), .read(0x7100), .run(9), .fetch(0x40_2004),
        ])
      #expect(stream.counters.events == 4)
      #expect(stream.notes.count == 1)
      #expect(stream.notes.first?.contains("version 4; versions 2 to 6 are accepted") == true)
    }
  }

  @Test("pinatrace: reads and writes of one byte; #eof ends, and other comments are skipped")
  func pinatrace() throws {
    let text = "#\n# Memory Access Trace\n0x401000: R 0x7ffe0010\n0x401003:  W   0x7ffe0ffc\n#eof\nanything\n"
    #expect(try TraceFile.records(text) == [.read(0x7ffe_0010), .write(0x7ffe_0ffc)])
    #expect(try TraceFile.records("#eof\n") == [])
  }

  @Test("CSV: columns in any order, kinds by several names, processes and events")
  func csv() throws {
    let text = """
      Kind, address ,size,process,mode,event,argument
      read,0x1000,8,,,,
      W,4096,8,,,,
      "fetch",0x1ffc,8,5,,,
      # a comment
      modify,0x3000,,5,supervisor,,
      ,0x4000,,6,,,
      ,,,,,rewrite,0x10
      ,,,,,WORLD-SWITCH,
      ,0x5000,,,,,
      """
    #expect(
      try TraceFile.records(text) == [
        .read(0x1000), .write(0x1000), .run(5), .fetch(0x1ffc), .fetch(0x2000),
        AccessRecord(GuestVirtualAddress(0x3000), .read, .supervisor),
        AccessRecord(GuestVirtualAddress(0x3000), .write, .supervisor), .run(6), .read(0x4000), AccessRecord(.rewrite, 0x10),
        AccessRecord(.worldSwitch), .read(0x5000),
      ])
    #expect(try TraceFile.records("address\n8\n0x10\n") == [.read(8), .read(16)])
    #expect(try TraceFile.records("pid,op,addr,bytes\r\n1,store,0xff8,16\r\n") == [.run(1), .write(0xff8), .write(0x1000)])
    #expect(try TraceFile.records("event,argument\nrun,3\nfork,4\n") == [.run(3), AccessRecord(.fork, 4)])
  }

  @Test("binary: what was written is read back, word by word, and the header tells how many")
  func binary() throws {
    let words: [AccessRecord] = [.run(3), .read(0x1000), .write(0xffff_8000_0000_0000), AccessRecord(.rewrite, 1 << 55)]
    let header = Array("mlaccess".utf8) + TraceFile.bytes(1 as UInt32) + TraceFile.bytes(0 as UInt32) + TraceFile.bytes(4 as UInt64)
    let bytes = header + words.flatMap { TraceFile.bytes($0.rawValue) }
    try TraceFile.with(bytes) { path throws in
      #expect(try Recorded.all(path) == words)
      #expect(try AccessStreams.open(path).length == 4)
      #expect(try AccessStreams.open(path, limit: 2).length == 2)
    }
  }

  @Test("A limit ends the stream behind the access that reaches it; events do not count")
  func limit() throws {
    try TraceFile.with(Array("event,address\n,8\nexec,\n,16\nexec,\n,24\n".utf8)) { path throws in
      #expect(try Recorded.all(path, limit: 2) == [.read(8), AccessRecord(.exec), .read(16)])
      #expect(try Recorded.all(path, limit: 0) == [])
      #expect(try Recorded.all(path, limit: 99).count == 5)
    }
    // A modify across a page is four accesses; the limit may cut between them.
    for limit in 0...5 {
      let records = try TraceFile.with(Array(" M ffe,8\n L 8,1\n".utf8)) { try Recorded.all($0, limit: UInt64(limit)) }
      #expect(records == Array([.read(0xff8), .read(0x1000), .write(0xff8), .write(0x1000), .read(8)].prefix(limit)))
    }
  }
}
