import Addressing
import Files
import RAMImages
import Testing

/// Each reader against a file that the test built from the format's definition.
@Suite("Recorded memory is read at its addresses") struct FormatTests {
  func image(_ input: MemoryInput?) throws -> MemoryImage {
    guard case .image(let image) = try #require(input).contents else { throw ImageError("", .malformed, "no image") }
    return image
  }

  func firstByte(_ image: MemoryImage, at address: UInt64) -> UInt8? {
    image.offset(of: address).flatMap { image.file.bytes($0..<$0 + 1)?.first }
  }

  @Test("A raw image begins at address 0") func rawImage() throws {
    let file = try RecordedFile(Build.page(1) + Build.page(2))
    let image = try image(try file.input.first)
    #expect(image.format == .raw && image.space == .physical && image.pageCount == 2)
    #expect(firstByte(image, at: 4095) == 1 && firstByte(image, at: 4096) == 2 && image.offset(of: 8192) == nil)
    #expect(image.word(at: GuestPhysicalAddress(4096)) == 0x0202_0202_0202_0202)
    #expect(image.word(at: GuestPhysicalAddress(8190)) == nil)
  }

  @Test("Behind the PCI hole a raw image goes on at 4 GiB") func rawImageWithHole() throws {
    let file = try RecordedFile(Build.page(1) + Build.page(2) + Build.page(3))
    let image = try RecordedMemory.openImage(file.path, options: .init(belowFourGiB: 4096))
    #expect(image.pageCount == 3)
    #expect(image.offset(of: 4095) == 4095 && image.offset(of: 4096) == nil)
    #expect(image.offset(of: 1 << 32) == 4096 && image.offset(of: 1 << 32 + 8191) == 12287 && image.offset(of: 1 << 32 + 8192) == nil)
    #expect(throws: ImageError.self) { _ = try RecordedMemory.openImage(file.path, options: .init(belowFourGiB: 100)) }
  }

  @Test("LiME ranges ascend by address, and parts of pages are left out") func limeDump() throws {
    let partial = [UInt8](repeating: 9, count: 4096 + 3072)
    let file = try RecordedFile(Build.lime([(0x100000, Build.page(5) + Build.page(6)), (0x1000, partial)]))
    let image = try image(try file.input.first)
    #expect(image.format == .lime && image.pageCount == 3 && image.bytesLeftOut == 3072)
    #expect(image.runs.map(\.address) == [0x1000, 0x100000] && image.runs.map(\.firstPage) == [0, 1])
    #expect(firstByte(image, at: 0x1000) == 9 && firstByte(image, at: 0x101000) == 6)
  }

  @Test("A core has physical addresses where any segment has one, else virtual ones") func coreAddresses() throws {
    let body = Build.page(1) + Build.page(2)
    let physical = try RecordedFile(
      Build.core([.init(virtual: 0, physical: 0), .init(offset: 8192, physical: 0x100000)], body: body))
    let machine = try image(try physical.input.first)
    #expect(machine.space == .physical && machine.runs.map(\.address) == [0, 0x100000] && firstByte(machine, at: 0x100000) == 2)
    let virtual = try RecordedFile(Build.core([.init(offset: 8192, virtual: 0x7000), .init(virtual: 0x3000)], body: body))
    let process = try image(try virtual.input.first)
    #expect(process.space == .virtual && process.runs.map(\.address) == [0x3000, 0x7000] && firstByte(process, at: 0x7000) == 2)
    #expect(process.word(at: GuestPhysicalAddress(0x7000)) == nil)
  }

  @Test("Physical bytes that a core names twice count once") func coreAliases() throws {
    let body = Build.page(1) + Build.page(2)
    let file = try RecordedFile(
      Build.core(
        [
          .init(virtual: 0xc000, physical: 0x1000, fileBytes: 8192), .init(offset: 8192, virtual: 0xf000, physical: 0x2000),
          .init(virtual: 0xd000, physical: 0x1000),
        ], body: body))
    let image = try image(try file.input.first)
    #expect(image.pageCount == 2 && image.runs.count == 1)
  }

  @Test("A core of more than 65534 segments says how many in its section header") func coreExtendedCount() throws {
    var bytes = Build.core([.init(virtual: 0x3000)], body: Build.page(1)) { bytes in
      bytes.replaceSubrange(40..<48, with: Build.little(UInt64(8192)))
      bytes.replaceSubrange(56..<58, with: [0xff, 0xff])
    }
    bytes += [UInt8](repeating: 0, count: 44) + Build.little(UInt32(1)) + [UInt8](repeating: 0, count: 16)
    #expect(try image(try RecordedFile(bytes).input.first).pageCount == 1)
  }

  @Test("Segments without bytes in the file hold no pages") func coreHoles() throws {
    let file = try RecordedFile(
      Build.core(
        [.init(virtual: 0x1000, fileBytes: 0, memoryBytes: 1 << 40), .init(virtual: 0x9000, memoryBytes: 8192)], body: Build.page(1)))
    #expect(try image(try file.input.first).pageCount == 1)
  }

  @Test("The content decides the format, and # chooses guests by name") func tracesByContent() throws {
    let file = try RecordedFile(Build.trace([("a", [0, 1]), ("b", [1]), ("c", [])]), name: "no-suffix")
    #expect(try RecordedMemory.open(file.path).map(\.name) == ["a", "b", "c"])
    #expect(try RecordedMemory.open(file.path + "#c,a").map(\.name) == ["c", "a"])
    let error = #expect(throws: ImageError.self) { _ = try RecordedMemory.open(file.path + "#a,d") }
    #expect(error?.kind == .noSuchGuest && error?.problem == "it holds no guest \"d\"; its guests are a, b, c")
    #expect(try IdentityTrace(path: file.path).guest(named: "a") == [0, 1])
    #expect(try IdentityTrace(path: file.path).guest(named: "d") == nil)
  }

  @Test("A file whose own name has a # is found by its name") func hashInName() throws {
    let file = try RecordedFile(Build.page(1), name: "a#b")
    #expect(try file.input.count == 1)
  }
}
