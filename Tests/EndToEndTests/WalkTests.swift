import Foundation
import Testing

/// `memlab walk` and `memlab mappings` on images made here word by word, and on examples.
@Suite struct WalkTests {
  /// Tables of four levels in 64 KiB of memory: 0x1000, 0x2000, 0x3000, 0x4000; pages of three sizes, and one that users may not write.
  static func memory() -> [UInt8] {
    var words = [UInt64](repeating: 0, count: 8192)
    words[0x1000 / 8] = 0x2067
    words[0x1000 / 8 + 511] = 0x2061
    words[0x2000 / 8] = 0x3067
    words[0x2000 / 8 + 1] = 0x8000_0000_4000_01e7
    words[0x3000 / 8] = 0x4067
    words[0x3000 / 8 + 1] = 0x20_00a5
    words[0x3000 / 8 + 2] = 0x9_9067
    for page in 0..<3 as Range<UInt64> { words[0x4000 / 8 + Int(page)] = 0x5067 + page << 12 }
    words[0x4000 / 8 + 3] = 0x8000_0000_0000_a005
    return words.flatMap { Bytes.little($0) }
  }

  private func lines(_ outcome: MemlabProcess.Outcome) throws -> [[String: Any]] {
    try outcome.text.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  @Test(
    "mappings prints runs as JSON Lines with the documented fields, whatever the image's format",
    arguments: ["raw", "lime", "core", "hole"])
  func mappings(format: String) throws {
    let shop = try Workshop()
    var options: [String] = []
    var root: UInt64 = 0x1000
    switch format {
    case "raw": try shop.write("f", Self.memory())
    case "lime": try shop.write("f", Bytes.lime(first: 0, last: 65535, bytes: 0) + Self.memory())
    case "core": try shop.write("f", Array(Bytes.core(bytes: 65536, length: 4096)) + Self.memory())
    default:
      // The same tables, and a root that lies above the hole.
      var root4G = [UInt8](repeating: 0, count: 4096)
      root4G.replaceSubrange(0..<8, with: Bytes.little(UInt64(0x2067)))
      try shop.write("f", Self.memory() + root4G)
      options = ["--below-4g", "64KiB"]
      root = 1 << 32
    }
    let cr3 = "0x" + String(root | 0x8000_0000_0000_0fff, radix: 16)
    let outcome = try MemlabProcess.run(["mappings", "f", "--cr3", cr3] + options, in: shop)
    // One level-2 entry points to memory that the image does not have.
    #expect(outcome.status == 65 && outcome.errors.contains("no memory at 0x99000"), "\(outcome.errors)")
    let runs = try lines(outcome)
    #expect(runs.prefix(4).map { $0["gva"] as? String } == ["0x0", "0x3000", "0x200000", "0x40000000"])
    #expect(runs.prefix(4).map { $0["gpa"] as? String } == ["0x5000", "0xa000", "0x200000", "0x40000000"])
    #expect(runs.prefix(4).map { $0["size"] as? Int } == [0x3000, 0x1000, 0x20_0000, 0x4000_0000])
    #expect(runs.prefix(4).map { $0["page_size"] as? String } == ["4K", "4K", "2M", "1G"])
    #expect(runs.prefix(4).map { $0["executable"] as? Bool } == [true, false, true, false])
    #expect(runs.prefix(4).map { $0["writable"] as? Bool } == [true, false, false, true])
    #expect(runs.prefix(4).map { $0["global"] as? Bool } == [false, false, false, true])
    let fields: Set = [
      "gva", "gpa", "size", "page_size", "writable", "user", "executable", "leaf_writable", "leaf_user", "leaf_nx", "global", "accessed",
      "dirty",
    ]
    #expect(runs.allSatisfy { Set($0.keys) == fields })
    guard format != "hole" else { return }
    // The second time through the same tables, by an entry that gives neither writes nor users.
    #expect(runs.count == 8 && runs[4]["gva"] as? String == "0xffffff8000000000")
    #expect(runs[4]["writable"] as? Bool == false && runs[4]["leaf_writable"] as? Bool == true && runs[4]["user"] as? Bool == false)
  }

  @Test("mappings says the same as CSV, as a table, and as QEMU's monitor would") func forms() throws {
    let shop = try Workshop()
    try shop.write("f", Self.memory())
    let csv = try MemlabProcess.run(["mappings", "f", "--cr3", "0x1000", "--format", "csv", "--all-bits"], in: shop).text
    #expect(
      csv.hasPrefix("gva,gpa,size,page_size,writable,user,executable,leaf_writable,leaf_user,leaf_nx,global,accessed,dirty,write_through,"))
    #expect(csv.contains("\n0x40000000,0x40000000,1073741824,1G,true,true,false,true,true,true,true,true,true,false,false,false,0\n"))
    let text = try MemlabProcess.run(["mappings", "f", "--cr3", "0x1000", "--format", "text"], in: shop).text
    #expect(text.contains("0x0000000000000000  0x0000000000005000      12 KiB  4K    rwxu    wxu   -ad\n"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    let entries = try MemlabProcess.run(["mappings", "f", "--cr3", "0x1000", "--like", "info-tlb"], in: shop).text.split(separator: "\n")
    #expect(entries.count == 12)
    #expect(entries[1] == "0000000000001000: 0000000000006000 ---DA--UW" && entries[5] == "0000000040000000: 0000000040000000 XGPDA--UW")
    let rights = try MemlabProcess.run(["mappings", "f", "--cr3", "0x1000", "--like", "info-mem"], in: shop).text.split(separator: "\n")
    #expect(rights.first == "0000000000000000-0000000000003000 0000000000003000 urw")
  }

  @Test("Tables that contain themselves are printed as they are found: a limit, a closed pipe and an interrupt end it")
  func endless() throws {
    let shop = try Workshop()
    // 32 MiB, so that the bound on visits of tables is far away.
    try shop.write("f", [UInt8](repeating: 0, count: 4096) + (0..<512).flatMap { _ in Bytes.little(UInt64(0x1067)) })
    let image = try FileHandle(forUpdating: shop.url.appendingPathComponent("f"))
    try image.truncate(atOffset: 32 << 20)
    try image.close()
    let limited = try MemlabProcess.run(["mappings", "f", "--cr3", "0x1000", "--limit", "1000"], in: shop)
    #expect(limited.status == 0 && limited.errors.contains("stopped after 1000 runs"))
    #expect(try lines(limited).count == 1000)
    let shell = URL(fileURLWithPath: "/bin/sh")
    let program = try #require(MemlabProcess.executable).path
    let piped = try MemlabProcess(["-c", "\"$0\" mappings f --cr3 0x1000 | head -n 3", program], in: shop, executable: shell).outcome()
    #expect(piped.text.split(separator: "\n").count == 3 && piped.errors.isEmpty)
    // Nowhere: a file would fill the disk if the interrupt were not heard.
    let nowhere = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/null"))
    let stopped = try MemlabProcess(["mappings", "f", "--cr3", "0x1000"], in: shop, output: nowhere)
    Thread.sleep(forTimeInterval: 0.5)
    stopped.interrupt()
    let outcome = try stopped.outcome(within: 20)
    #expect(outcome.status == 130 && !outcome.endedBySignal)
  }

  @Test("walk shows every step of several addresses, and the address or the fault at the end") func walk() throws {
    let shop = try Workshop()
    try shop.write("f", Self.memory())
    let outcome = try MemlabProcess.run(
      ["walk", "f", "--cr3", "0x1000", "0x1abc", "0x201234", "0x40001234", "0x4000", "--format", "json"], in: shop)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let object = try outcome.object()
    #expect(object["schema"] as? String == "memlab.walk/1" && object["cr3"] as? String == "0x1000")
    let walks = try #require(object["walks"] as? [[String: Any]])
    #expect(walks.map { $0["gpa"] as? String } == ["0x6abc", "0x201234", "0x40001234", nil])
    #expect(walks.map { $0["references"] as? Int } == [4, 3, 2, 4])
    #expect(walks.map { $0["page_size"] as? String } == ["4K", "2M", "1G", nil])
    let steps = try #require(walks[0]["steps"] as? [[String: Any]])
    #expect(steps.map { $0["level"] as? Int } == [4, 3, 2, 1])
    #expect(steps.map { $0["entry_address"] as? String } == ["0x1000", "0x2000", "0x3000", "0x4008"])
    #expect(steps.map { $0["entry"] as? String } == ["0x2067", "0x3067", "0x4067", "0x6067"])
    #expect(steps.last?["flags"] as? [String] == ["P", "W", "U", "A", "D"])
    let fault = try #require(walks[3]["fault"] as? [String: Any])
    #expect(fault["kind"] as? String == "page_fault" && fault["error_code"] as? String == "0x0" && fault["level"] as? Int == 1)
    let written = try MemlabProcess.run(["walk", "f", "--cr3", "0x1000", "0x3000", "--access", "write", "--mode", "user"], in: shop)
    #expect(written.status == 0 && written.text.contains("error code 0x7"))
    let missing = try MemlabProcess.run(["walk", "f", "--cr3", "0x1000", "0x400000", "0x0"], in: shop)
    #expect(missing.status == 65 && missing.errors.contains("no memory at 0x99000") && missing.text.contains("PA 0x5000"))
  }

  @Test(
    "walk --demo makes as many references as the closed form says",
    arguments: [
      ("4x4", 24), ("4x3", 19), ("4x2", 14), ("3x4", 19), ("3x3", 15), ("3x2", 11), ("2x4", 14), ("2x3", 11), ("2x2", 8), ("4x0", 4),
      ("3x0", 3),
      ("2x0", 2), ("5x5", 35), ("5x4", 29), ("4x5", 29), ("4x1", 9),
    ])
  func demo(shape: String, references: Int) throws {
    let outcome = try MemlabProcess.run("walk", "--demo", shape, "--explain", "--format", "json")
    let walks = try #require(try outcome.object()["walks"] as? [[String: Any]])
    #expect(walks.count == 1 && walks[0]["references"] as? Int == references)
    #expect((walks[0]["steps"] as? [[String: Any]])?.count == references)
    #expect(walks[0]["fault"] is NSNull)
  }

  @Test("walk --explain draws the grid, --absent shows who faults, and --figure writes the drawing") func explained() throws {
    let text = try MemlabProcess.run("walk", "--demo", "4x4", "--explain").text
    #expect(text.contains("guest L1 entry               16       17       18       19       20"))
    let large = try MemlabProcess.run("walk", "--demo", "5x5", "--guest-page", "2M", "--host-page", "1G").text
    #expect(large.contains("19") && large.contains("in a page of 2M") && large.contains("in a page of 1G"))
    let guest = try MemlabProcess.run("walk", "--demo", "4x4", "--absent", "20", "--mode", "user")
    #expect(guest.status == 0 && guest.text.contains("page fault in the guest, error code 0x4"))
    let host = try MemlabProcess.run("walk", "--demo", "4x4", "--read-only", "24", "--access", "write")
    #expect(host.text.contains("exit qualification 0x1aa"))
    let shop = try Workshop()
    let drawn = try MemlabProcess.run(["walk", "--demo", "4x4", "--figure", "walk.svg"], in: shop)
    #expect(drawn.status == 0)
    let svg = try String(contentsOf: shop.url.appendingPathComponent("walk.svg"), encoding: .utf8)
    #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.hasSuffix("</svg>\n"))
  }

  @Test("mappings --save-tables keeps the tables alone, and they list the same") func saved() throws {
    let shop = try Workshop()
    var memory = Self.memory()
    memory.replaceSubrange(0x3010..<0x3018, with: Bytes.little(UInt64(0)))
    try shop.write("f", memory)
    let whole = try MemlabProcess.run(["mappings", "f", "--cr3", "0x1000", "--save-tables", "t.lime"], in: shop)
    let tables = try MemlabProcess.run(["mappings", "t.lime", "--cr3", "0x1000"], in: shop)
    #expect(whole.status == 0 && tables.status == 0 && whole.text == tables.text)
    #expect(try Data(contentsOf: shop.url.appendingPathComponent("t.lime")).count == 32 + 4 * 4096)
  }

  @Test("What cannot be walked is refused in a sentence", arguments: broken) func refused(row: BrokenInput) throws {
    let shop = try Workshop()
    try shop.write("f", Self.memory())
    try row.setUp(shop)
    let before = shop.listing
    let outcome = try MemlabProcess.run(row.arguments, in: shop)
    #expect(outcome.status == row.status, "\(outcome.errors)")
    #expect(outcome.errors.contains(row.told), "\(outcome.errors)")
    #expect(outcome.output.isEmpty && !outcome.endedBySignal)
    #expect(shop.listing == before)
  }

  static let broken: [BrokenInput] = [
    BrokenInput("no input", "mappings", status: 64, told: "missing expected argument '<input>'"),
    BrokenInput("no CR3", "mappings", "f", status: 64, told: "'--cr3 <addr>'"),
    BrokenInput("no CR3 to walk", "walk", "f", "0x0", status: 64, told: "'--cr3 <addr>'"),
    BrokenInput("decimal CR3", "mappings", "f", "--cr3", "4096", status: 64, told: "the value '4096' is invalid for '--cr3"),
    BrokenInput("CR3 of 17 digits", "mappings", "f", "--cr3", "0x10000000000000000", status: 64, told: "is invalid for '--cr3"),
    BrokenInput("negative CR3", "mappings", "f", "--cr3", "-0x1000", status: 64, told: "is invalid for '--cr3"),
    BrokenInput("CR3 with reserved bits", "mappings", "f", "--cr3", "0x10000000001000", status: 64, told: "bits 60:52 of CR3 are reserved"),
    BrokenInput("three levels", "mappings", "f", "--cr3", "0x1000", "--levels", "3", status: 64, told: "--levels is 4 or 5, not 3"),
    BrokenInput("no levels", "walk", "f", "--cr3", "0x1000", "--levels", "x", "0x0", status: 64, told: "is invalid for '--levels"),
    BrokenInput("a root beyond the image", "mappings", "f", "--cr3", "0x10000", status: 65, told: "no memory at 0x10000, where CR3 puts"),
    BrokenInput(
      "a root beyond any image", "walk", "f", "--cr3", "0xffffffffff000", "0x0", status: 65, told: "no memory at 0xffffffffff000"),
    BrokenInput("nothing to walk", "walk", "f", "--cr3", "0x1000", status: 64, told: "missing expected argument '<gva> ...'"),
    BrokenInput("nothing at all", "walk", status: 64, told: "or walk an example: --demo 4x4"),
    BrokenInput(
      "not canonical", "walk", "f", "--cr3", "0x1000", "0x800000000000", status: 64,
      told: "0x800000000000 is not canonical with 4 levels: bits 63:47 must be equal"),
    BrokenInput("canonical with five", "walk", "f", "--cr3", "0x1000", "0x800000000000", status: 64, told: "it is with --levels 5"),
    BrokenInput("never canonical", "walk", "f", "--cr3", "0x1000", "--levels", "5", "0x8000000000000000", status: 64, told: "bits 63:56"),
    BrokenInput("two bad addresses", "walk", "f", "--cr3", "0x1000", "12", "0xzz", status: 64, told: "\"12\" is no address"),
    BrokenInput("two bad addresses, the second", "walk", "f", "--cr3", "0x1000", "12", "0xzz", status: 64, told: "\"0xzz\" is no address"),
    BrokenInput("no such image", "mappings", "g", "--cr3", "0x1000", status: 66, told: "there is no such file"),
    BrokenInput("an empty image", "mappings", "e", "--cr3", "0x1000", status: 65, told: "the file is empty") { try $0.write("e", []) },
    BrokenInput("a nameless image", "mappings", "", "--cr3", "0x1000", status: 64, told: "the name of the input is empty"),
    BrokenInput("identities", "mappings", "t.pit", "--cr3", "0x1000", status: 65, told: "page tables are read from a RAM image") {
      try $0.write("t.pit", Bytes.trace())
    },
    BrokenInput("a process's core", "walk", "c", "--cr3", "0x1000", "0x0", status: 65, told: "a process's own memory") {
      var core = Bytes.core(address: 0x40_0000)
      // The physical address of the segment.
      core.replaceSubrange(64 + 24..<64 + 32, with: [UInt8](repeating: 0, count: 8))
      try $0.write("c", core)
    },
    BrokenInput("no runs", "mappings", "f", "--cr3", "0x1000", "--limit", "0", status: 64, told: "--limit is at least 1"),
    BrokenInput("half a demo", "walk", "--demo", "4", status: 64, told: "the value '4' is invalid for '--demo"),
    BrokenInput("six levels", "walk", "--demo", "6x4", status: 64, told: "is invalid for '--demo"),
    BrokenInput("a demo of an image", "walk", "f", "--demo", "4x4", status: 64, told: "--demo builds its own tables"),
    BrokenInput(
      "a page against its levels", "walk", "--demo", "4x3", "--host-page", "1G", status: 64, told: "3 levels end at a page of 2M"),
    BrokenInput("a host's page without a host", "walk", "--demo", "4x0", "--host-page", "2M", status: 64, told: "needs a host"),
    BrokenInput("a large page on a flat table", "walk", "--demo", "3x1", status: 64, told: "no room"),
    BrokenInput("a reference too far", "walk", "--demo", "4x4", "--absent", "25", status: 64, told: "--absent is 1 to 24"),
    BrokenInput("reference 0", "walk", "--demo", "4x0", "--read-only", "0", status: 64, told: "--read-only is 1 to 4"),
    BrokenInput(
      "an image with a demo's option", "walk", "f", "--cr3", "0x1000", "0x0", "--absent", "1", status: 64, told: "belong to --demo"),
    BrokenInput(
      "a figure in no folder", "walk", "--demo", "4x4", "--figure", "no/walk.svg", status: 73, told: "no/walk.svg: No such file"),
  ]
}
