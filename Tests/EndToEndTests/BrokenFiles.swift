import Foundation

/// Files that are not what they claim to be: exit code 65. And inputs and outputs that are not there: 66 and 73.
extension BrokenInput {
  static let files: [BrokenInput] = [
    .file("empty", told: "the file is empty") { [] },
    .file("no whole page", told: "not a multiple of 4096") { [UInt8](repeating: 9, count: 4097) },
    .file("text", told: "no known format") { Array("hello\n".utf8) },
    .file("trace: magic cut", told: "the file ends inside its magic") { Array("MLPI".utf8) },
    .file("trace: unknown version", told: "unknown version") { Bytes.trace(magic: Array("MLPIT9".utf8) + [0, 0]) },
    .file("trace: header cut", told: "the file ends inside") { Bytes.pitMagic + [0, 16] },
    .file("trace: page size 0", told: "a page size of 0 bytes") { Bytes.trace(pageSize: 0) },
    .file("trace: page size 4097", told: "a page size of 4097 bytes") { Bytes.trace(pageSize: 4097) },
    .file("trace: four billion guests", told: "f: byte") { Bytes.trace(guests: .max) },
    .file("trace: no guests", told: "no guest is recorded") { Bytes.pitMagic + Bytes.little(UInt32(4096)) + Bytes.little(UInt32(0)) },
    .file("trace: 2^63 pages", told: "exceed what can be counted") { Bytes.trace(pages: 1 << 63) },
    .file("trace: more pages than bytes", told: "the file is too small for the 1000000 pages") { Bytes.trace(pages: 1_000_000) },
    .file("trace: identities cut", told: "the file is too small") { Array(Bytes.trace().dropLast(1)) },
    .file("trace: identity beyond the pages", told: "has identity 4294967295") { Bytes.trace([0, 1, .max]) },
    .file("trace: name that is no UTF-8", told: "is not UTF-8") { Bytes.trace(name: [0xff, 0xfe]) },
    .file("trace: bytes behind the end", told: "bytes follow the last guest") { Bytes.trace() + [0] },
    .file("fingerprints: cut", told: "the file is too small") { Bytes.trace(magic: Bytes.mfpMagic, pages: 2) },
    .file("zstd: only its magic", told: "zstd") { [0x28, 0xb5, 0x2f, 0xfd] },
    .file("zstd: cut in a frame", told: "the zstd stream ends in the middle of a frame") {
      Array((FileManager.default.contents(atPath: MemlabProcess.fiveGuests) ?? Data()).prefix(5000))
    },
    .file("zstd: a block of no known type", told: "zstd stream cannot be decompressed") {
      [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x07, 0x00, 0x00]
    },
    .file("zstd: something else inside", told: "holds neither a page identity trace nor fingerprints") {
      Bytes.zstd(Array("hello, world".utf8))
    },
    .file("zstd bomb: a gibibyte behind the end", told: "bytes follow the last guest") { Bytes.zstd(Bytes.trace(), zeroBlocks: 8192) },
    .file("zstd bomb: more pages than it decompresses to", told: "the file is too small") {
      Bytes.zstd(Bytes.trace(pages: 1 << 31), zeroBlocks: 64)
    },
    .file("gzip", told: "a gzip stream") { [0x1f, 0x8b] + [UInt8](repeating: 0, count: 4094) },
    .file("disk image", told: "a qcow2 disk image") { Array("QFI".utf8) + [0xfb] + [UInt8](repeating: 0, count: 4092) },
    .file("core: header cut", told: "the file ends inside the ELF header") { Bytes.core(length: 40) },
    .file("core: 32-bit", told: "a 32-bit ELF file") { Bytes.core(bits: 1) },
    .file("core: a program, not a core", told: "an ELF file of type 2, not a core") { Bytes.core(type: 2) },
    .file("core: 65535 headers", told: "program headers") { Bytes.core(headers: .max) },
    .file("core: table at the end of the address space", told: "do not fit in the file") { Bytes.core(table: .max - 8) },
    .file("core: segment beyond the file", told: "the file ends at byte") { Bytes.core(offset: 1 << 40) },
    .file("core: segment that wraps around", told: "f: byte") { Bytes.core(offset: .max - 4095, bytes: 8192) },
    .file("core: segment of 2^63 bytes", told: "f: byte") { Bytes.core(bytes: 1 << 63) },
    .file("core: segment at no page", told: "f: byte") { Bytes.core(address: 1) },
    .file("LiME: unknown version", told: "LiME version 7") { Bytes.lime(version: 7) },
    .file("LiME: range that ends before it begins", told: "ends before it begins") { Bytes.lime(first: 8192, last: 4095) },
    .file("LiME: range of the whole address space", told: "f: byte") { Bytes.lime(first: 0, last: .max) },
    .file("LiME: range cut", told: "longer than the rest of the file") { Bytes.lime(bytes: 4000) },
    .flags("no bytes", bytes: 0, told: "the file is empty"),
    .flags("no whole entries", bytes: 17, told: "8 bytes a frame"),
    .flags("an entry short", bytes: 8, told: "it describes 1 frames"),
    .flags("another machine's", bytes: 1 << 20, told: "another guest's"),
    BrokenInput("page flags: an image", "scan", "f", "--page-flags", "k", status: 65, told: "k: byte 8: it is no copy of /proc/kpageflags")
    {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
      try $0.write("k", [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 1, count: 8))
    },
    BrokenInput("page flags for one of two inputs", "scan", "f", "f", "--page-flags", "k", status: 65, told: "1 --page-flags, but 2 inputs")
    {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
      try $0.write("k", [UInt8](repeating: 0, count: 16))
    },
    BrokenInput("live page flags of an image", "scan", "f", "--page-flags", "live", status: 65, told: "it is no live process") {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
    },
    BrokenInput("an image's page flags for a process", "scan", "pid:self", "--page-flags", "k", status: 65, told: "--page-flags live") {
      try $0.write("k", [UInt8](repeating: 0, count: 16))
    },
    BrokenInput("one capture", "scan", "f", "--captures", status: 65, told: "it is captured once") {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
    },
    BrokenInput("captures of unequal length", "scan", "f.0", "f.1", "--captures", status: 65, told: "does not record the same pages") {
      try $0.write("f.0", [UInt8](repeating: 0, count: 8192))
      try $0.write("f.1", [UInt8](repeating: 0, count: 4096))
    },
    BrokenInput("fingerprints for a page sharer", "scan", "f", "--scanner", "zero-only", status: 65, told: "fingerprints are hashes") {
      try $0.write("f", Bytes.trace(magic: Bytes.mfpMagic, pages: 1, [1, 2, 3, 4]))
    },
    BrokenInput("two traces", "scan", "a.pit", "b.pit", status: 65, told: "identities mean nothing outside their file") {
      for name in ["a.pit", "b.pit"] { try $0.write(name, Bytes.trace()) }
    },
    BrokenInput("a trace without the guest asked for", "scan", "a.pit#nobody", status: 65, told: "it holds no guest \"nobody\"") {
      try $0.write("a.pit", Bytes.trace())
    },
    BrokenInput("an image's guests", "scan", "f#a", status: 65, told: "nothing can be chosen from it") {
      try $0.write("f", [UInt8](repeating: 0, count: 4096))
    },
    BrokenInput("fingerprints for ksm", "scan", "f", "--scanner", "ksm", status: 65, told: "fingerprints are hashes") {
      try $0.write("f", Bytes.trace(magic: Bytes.mfpMagic, pages: 1, [1, 2, 3, 4]))
    },
    BrokenInput("identities of larger pages", "scan", "f", status: 65, told: "cannot be counted as pages of 4096") {
      try $0.write("f", Bytes.trace(pageSize: 2 << 20))
    },
    BrokenInput("identities from fingerprints", "fingerprint", "f", "-o", "g.pit", status: 65, told: "f") {
      try $0.write("f", Bytes.trace(magic: Bytes.mfpMagic, pages: 1, [1, 2, 3, 4]))
    },
    BrokenInput("sixteen tebibytes of nothing", "scan", "f", "f", status: 65, told: "more than 2^32 - 2 pages") {
      try $0.sparse("f", bytes: 8 << 40)
    },
    BrokenInput("more pages than ksm can number", "scan", "f", "--scanner", "ksm", status: 65, told: "the most that ksm can number here") {
      try $0.sparse("f", bytes: 8 << 40)
    },
  ]

  static let streams: [BrokenInput] = [
    .stream(
      "an access across the end of the lower half", "address,size\n0x7fffffffffff,8\n",
      told: "0x800000000000, after 1 accesses, is not canonical"),
    .stream(
      "a range across the end of the lower half", "event,argument\nrange,0x7ffffffff\nunmap,2\n",
      told: "the range of 2 pages from 0x7ffffffff000"),
    .stream("a process that exists already", "event,argument\nfork,1\nfork,1\n", told: "forks process 1, which exists already"),
    .stream(
      "an access and an event", "address,event,argument\n8,fork,1\n",
      told: "t.csv:2:1: error: the line has an event and a value for address"),
    BrokenInput("a generator without its prefix", "trace", "zipf", status: 66, told: "there is no such file; did you mean \"gen:zipf\"?"),
  ]

  /// An access stream that `trace` must refuse, naming it.
  private static func stream(_ name: String, _ text: String, told: String) -> BrokenInput {
    BrokenInput("stream: \(name)", "trace", "t.csv", status: 65, told: told) { try $0.write("t.csv", text) }
  }

  static let places: [BrokenInput] = [
    BrokenInput("no such scenario", "run", "nowhere.yaml", "--out", "out", status: 66, told: "nowhere.yaml: error: there is no such file"),
    BrokenInput("a folder for a scenario", "run", ".", "--out", "out", status: 66, told: "this is a folder"),
    BrokenInput("no such image", "scan", "nowhere.raw", status: 66, told: "nowhere.raw: there is no such file"),
    BrokenInput("one of two images is missing", "scan", "f", "nowhere.raw", status: 66, told: "nowhere.raw") {
      try $0.write("f", [UInt8](repeating: 0, count: 4096))
    },
    BrokenInput("no such page flags", "scan", "f", "--page-flags", "nowhere", status: 66, told: "nowhere: there is no such file") {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
    },
    BrokenInput(
      "page flags of this machine as a file", "scan", "f", "--page-flags", "/proc/kpageflags", status: 65, told: "this machine's flags"
    ) {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
    },
    BrokenInput("a name of two lines", "scan", "a\nb", status: 66, told: "error: a b: there is no such file"),
    BrokenInput("a folder for an image", "scan", ".", status: 66, told: "it is a folder"),
    BrokenInput("a pipe for an image", "scan", "p", status: 66, told: "p: ") { try $0.pipe("p") },
    BrokenInput("a device for an image", "scan", "/dev/zero", status: 66, told: "/dev/zero: "),
    BrokenInput("a process's memory by its file", "scan", "/proc/self/mem", status: 66, told: "/proc/self/mem: "),
    BrokenInput("a link in a circle", "scan", "l", status: 66, told: "l: ") {
      try FileManager.default.createSymbolicLink(atPath: $0.path("l"), withDestinationPath: "l")
    },
    BrokenInput("a path of a hundred thousand letters", "scan", String(repeating: "x", count: 100_000), status: 66, told: "error: "),
    BrokenInput("no such process", "scan", "pid:2147483647", status: 66, told: "there is no process 2147483647"),
    BrokenInput("no process number", "scan", "pid:four", status: 66, told: "a process is named by its number"),
    BrokenInput("a negative process", "scan", "pid:-1", status: 66, told: "a process is named by its number"),
    BrokenInput(
      "a process beyond all numbers", "capture", "pid:99999999999999999999", "-o", "core", status: 66,
      told: "a process is named by its number"),
    BrokenInput("a file in the way of the report", "run", "s.yaml", "--out", "out", status: 73, told: "out is a file; name a folder") {
      try $0.write("s.yaml", sound)
      try $0.write("out", "mine")
    },
    BrokenInput("a folder that is not memlab's", "run", "s.yaml", "--out", "out", status: 73, told: "holds no memlab run") {
      try $0.write("s.yaml", sound)
      try $0.folder("out")
      try $0.write("out/thesis.tex", "mine")
    },
    BrokenInput("a report below a file", "run", "s.yaml", "--out", "s.yaml/out", status: 73, told: "is a file") {
      try $0.write("s.yaml", sound)
    },
    BrokenInput(
      "a report where nothing can be written", "run", "s.yaml", "--out", "/proc/memlab/out", status: 73, told: "cannot write the report"
    ) {
      try $0.write("s.yaml", sound)
    },
    BrokenInput("a fingerprint in no folder", "fingerprint", "f", "-o", "no/f.pit", status: 73, told: "no/f.pit: ") {
      try $0.write("f", [UInt8](repeating: 0, count: 4096))
    },
    BrokenInput("a fingerprint over a folder", "fingerprint", "f", "-o", "d.mfp", status: 73, told: "d.mfp: it is a folder, not a file") {
      try $0.write("f", [UInt8](repeating: 0, count: 4096))
      try $0.folder("d.mfp")
    },
    BrokenInput(
      "a fingerprint behind a dead link", "fingerprint", "f", "-o", "l.pit", status: 73, told: "a symbolic link that leads nowhere"
    ) {
      try $0.write("f", [UInt8](repeating: 0, count: 4096))
      try FileManager.default.createSymbolicLink(atPath: $0.path("l.pit"), withDestinationPath: "nowhere")
    },
    BrokenInput(
      "a figure over a folder", "walk", "--demo", "4x4", "--figure", ".", status: 73, told: "error: .: it is a folder, not a file"),
    BrokenInput("a figure on a full device", "walk", "--demo", "4x4", "--figure", "/dev/full", status: 73, told: "is not a regular file"),
    BrokenInput(
      "a figure without a name", "walk", "--demo", "4x4", "--figure", "", status: 64, told: "the file to write is empty: --figure"),
    BrokenInput("a capture in no folder", "capture", "pid:self", "-o", "no/core", status: 73, told: "no/core: "),
  ]
}
