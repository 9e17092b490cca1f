import Columns
import Foundation
import LiveKernel
import PageSharing
import RAMImages
import Testing

/// Real processes on the machine that runs the tests.
@Suite("Live processes are read as they are", .serialized) struct ProcessMemoryTests {
  /// A child that does nothing, until it is ended.
  func sleeper() throws -> Process {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/sleep")
    child.arguments = ["60"]
    try child.run()
    usleep(100_000)
    return child
  }

  func end(_ child: Process) {
    kill(child.processIdentifier, SIGKILL)
    child.waitUntilExit()
  }

  @Test("A saved process reads back as the process itself") func capture() throws {
    let child = try sleeper()
    defer { end(child) }
    let path = FileManager.default.temporaryDirectory.path + "/memlab-\(UUID().uuidString).core"
    defer { try? FileManager.default.removeItem(atPath: path) }
    for withFiles in [false, true] {
      let memory = try ProcessMemory(pid: child.processIdentifier, withFiles: withFiles)
      let live = try ExactScanner().scan([MemoryInput(process: memory)])
      let saved = try CoreCapture(of: memory, to: path)
      let image = try RecordedMemory.openImage(path)
      let read = try ExactScanner().scan(try RecordedMemory.open(path))
      #expect(live.totals.pages > 0 && live.totals == read.totals && live.singleBytePages == read.singleBytePages)
      #expect(saved.pages == live.totals.pages && saved.pagesVanished == 0)
      #expect(image.space == .virtual && image.format == .elfCore)
      #expect(
        Array(image.runs.map(\.address)).allSatisfy { address in memory.mappings.contains { $0.start <= address && address < $0.end } })
    }
  }

  @Test("With files there are more pages than without") func withFiles() throws {
    let child = try sleeper()
    defer { end(child) }
    func pages(_ withFiles: Bool) throws -> Int {
      try ProcessMemory(pid: child.processIdentifier, withFiles: withFiles).runs.reduce(0) { $0 + $1.pageCount }
    }
    #expect(try pages(true) > pages(false))
  }

  @Test("Pages count as the kernel counts them: those of the test's own column, written and not") func ownPages() throws {
    let column = Column<UInt64>(count: 64 * 512)
    for page in 0..<16 { column[page * 2 * 512] = UInt64(page + 1) }
    let base = unsafe column.withBuffer { UInt64(UInt(bitPattern: $0.baseAddress)) }
    let memory = try ProcessMemory(pid: getpid())
    var inside: [UInt64] = []
    for run in memory.runs {
      for page in 0..<run.pageCount {
        let address = run.address + UInt64(page) * 4096
        if address >= base && address < base + 64 * 4096 { inside.append(address) }
      }
    }
    #expect(inside == (0..<16).map { base + UInt64($0) * 8192 })
    var page = [UInt8](repeating: 0xff, count: 8192)
    let count = unsafe try page.withUnsafeMutableBytes { buffer in unsafe try memory.read(at: base + 8192, into: buffer) }
    #expect(count == 4096 && page[0] == 2 && page[8] == 0 && page[4096] == 0xff, "reading stops before the page that is not there")
  }

  @Test("A process that does not exist is missing") func noProcess() throws {
    let child = try sleeper()
    let pid = child.processIdentifier
    end(child)
    let error = #expect(throws: RemoteMemoryError.self) { _ = try ProcessMemory(pid: pid) }
    #expect(error?.kind == .missing && error?.name == "pid:\(pid)")
    for argument in ["pid:", "pid:x", "pid:-1", "pid:0", "pid:99999999999999999999", "4711"] {
      #expect(throws: RemoteMemoryError.self) { _ = try ProcessMemory(argument: argument) }
    }
  }

  @Test("A process that ends while it is read gives an error that names it") func endedProcess() throws {
    let child = try sleeper()
    let memory = try ProcessMemory(argument: "pid:\(child.processIdentifier)")
    end(child)
    let error = #expect(throws: ImageError.self) { _ = try ExactScanner().scan([MemoryInput(process: memory)]) }
    #expect(error?.path == "pid:\(child.processIdentifier)" && error?.problem.contains("ended while") == true)
    let path = FileManager.default.temporaryDirectory.path + "/memlab-\(UUID().uuidString).core"
    #expect(throws: ImageError.self) { _ = try CoreCapture(of: memory, to: path) }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("Lines of /proc/PID/maps are read, and what is none is not") func mapsLines() {
    let line = "7f1a09311000-7f1a09313000 rw-p 00035000 fe:00 259152                     /usr/lib/a name.so"
    let mapping = RemoteMapping(mapsLine: line)
    #expect(mapping?.start == 0x7f1a_0931_1000 && mapping?.end == 0x7f1a_0931_3000 && mapping?.path == "/usr/lib/a name.so")
    #expect(mapping?.isWritable == true && mapping?.isExecutable == false && mapping?.isShared == false && mapping?.fileOffset == 0x35000)
    for text in ["", "x", "1-2", "2-1 rw-p 0 0 0", "1-2 rw 0 0 0", "1-2 rw-p z 0 0", "10000000000000000-2 rw-p 0 0 0"] {
      #expect(RemoteMapping(mapsLine: text) == nil)
    }
  }
}

extension ProcessMemoryTests {
  @Test(
    "The pages of the test's own column are anonymous, by the kernel's flags",
    .enabled(
      if: (try? FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/kpageflags")))?.availableData.isEmpty == false && geteuid() == 0))
  func ownFlags() throws {
    let column = Column<UInt64>(count: 64 * 512)
    for page in 0..<64 { column[page * 512] = UInt64(page + 1) }
    let base = unsafe column.withBuffer { UInt64(UInt(bitPattern: $0.baseAddress)) }
    let memory = try ProcessMemory(pid: getpid())
    let kinds = PageKind.kinds(of: try memory.pageFlags())
    #expect(kinds.count == memory.runs.reduce(0) { $0 + $1.pageCount })
    var inside = 0
    var place = 0
    for run in memory.runs {
      for page in 0..<run.pageCount {
        let address = run.address + UInt64(page) * 4096
        if address >= base && address < base + 64 * 4096 && kinds[place] == .anonymous { inside += 1 }
        place += 1
      }
    }
    #expect(inside == 64)
    let child = try sleeper()
    let other = try ProcessMemory(pid: child.processIdentifier)
    end(child)
    #expect(throws: RemoteMemoryError.self) { _ = try other.pageFlags() }
  }

  @Test(
    "By kind, a process's pages are those that the kernel counts: RssAnon anonymous, RssFile of files and the kernel's own",
    .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/proc/kpageflags")))
  func kernelCounts() throws {
    let child = try sleeper()
    defer { end(child) }
    let memory = try ProcessMemory(pid: child.processIdentifier, withFiles: true)
    let kinds = PageKind.kinds(of: try memory.pageFlags())
    let status = try String(contentsOfFile: "/proc/\(child.processIdentifier)/status", encoding: .utf8)
    func pages(_ key: String) -> Int? {
      let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
      return line.flatMap { Int($0.split(whereSeparator: \.isWhitespace)[1]) }.map { $0 / 4 }
    }
    #expect(kinds.count { $0 == .anonymous } == pages("RssAnon"))
    #expect(kinds.count { $0 == .pageCache || $0 == .kernel } == pages("RssFile"))
  }
}
