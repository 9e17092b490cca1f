internal import Files

/// The parts of an ELF64 core that hold memory (System V gABI, chapters 4 and 5; offsets inside `Elf64_Ehdr` and `Elf64_Phdr`).
enum ElfCore {
  static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
  static let headerBytes = 64
  static let programHeaderBytes = 56
  /// ET_CORE.
  static let coreType: UInt16 = 4
  /// PT_LOAD.
  static let load: UInt32 = 1
  /// PT_NOTE.
  static let note: UInt32 = 4
  /// PN_XNUM: the real number of program headers stands in `sh_info` of section header 0.
  static let extendedCount: UInt16 = 0xffff

  /// A PT_LOAD entry that holds bytes.
  struct Segment {
    let header: UInt64
    let offset, virtualAddress, physicalAddress, fileBytes: UInt64
  }

  /// Reads the header and every loaded segment that has bytes in the file.
  static func segments(_ file: MappedFile) throws(ImageError) -> [Segment] {
    guard file.count >= headerBytes, let type: UInt16 = file.integer(at: 16), let table: UInt64 = file.integer(at: 32),
      let entryBytes: UInt16 = file.integer(at: 54), let ident = file.bytes(4..<7)
    else { throw ImageError(file.path, .truncated, at: UInt64(file.count), "the file ends inside the ELF header") }
    guard ident[0] == 2 else { throw ImageError(file.path, .unsupported, at: 4, "a 32-bit ELF file: only 64-bit cores are read") }
    guard ident[1] == 1 else {
      throw ImageError(file.path, .unsupported, at: 5, "a big-endian ELF file: only little-endian cores are read")
    }
    guard ident[2] == 1 else { throw ImageError(file.path, .malformed, at: 6, "ELF version \(ident[2]) does not exist") }
    guard type == coreType else {
      throw ImageError(file.path, .unsupported, at: 16, "an ELF file of type \(type), not a core (type \(coreType)): it records no memory")
    }
    guard Int(entryBytes) == programHeaderBytes else {
      throw ImageError(file.path, .malformed, at: 54, "program headers of \(entryBytes) bytes: an ELF64 file has \(programHeaderBytes)")
    }
    let count = try programHeaderCount(file)
    let (bytes, overflow) = count.multipliedReportingOverflow(by: UInt64(programHeaderBytes))
    let end = table.addingReportingOverflow(bytes)
    guard !overflow && !end.overflow && end.partialValue <= UInt64(file.count) else {
      throw ImageError(file.path, .truncated, at: 32, "\(count) program headers at byte \(table) do not fit in the file")
    }
    var segments: [Segment] = []
    for number in 0..<count {
      if let segment = try segment(file, at: Int(table + number * UInt64(programHeaderBytes))) { segments.append(segment) }
    }
    return segments
  }

  private static func programHeaderCount(_ file: MappedFile) throws(ImageError) -> UInt64 {
    let count: UInt16 = file.integer(at: 56) ?? 0
    guard count == extendedCount else { return UInt64(count) }
    guard let sections: UInt64 = file.integer(at: 40), sections > 0, sections <= UInt64(file.count),
      let real: UInt32 = file.integer(at: Int(sections) + 44)
    else {
      throw ImageError(file.path, .truncated, at: 40, "the number of program headers stands in a section header that is not in the file")
    }
    return UInt64(real)
  }

  private static func segment(_ file: MappedFile, at place: Int) throws(ImageError) -> Segment? {
    guard let type: UInt32 = file.integer(at: place), let offset: UInt64 = file.integer(at: place + 8),
      let virtualAddress: UInt64 = file.integer(at: place + 16), let physicalAddress: UInt64 = file.integer(at: place + 24),
      let fileBytes: UInt64 = file.integer(at: place + 32), let memoryBytes: UInt64 = file.integer(at: place + 40)
    else { throw ImageError(file.path, .truncated, at: UInt64(place), "the file ends inside a program header") }
    guard type == load && fileBytes > 0 else { return nil }
    guard fileBytes <= memoryBytes else {
      throw ImageError(
        file.path, .malformed, at: UInt64(place) + 32, "a segment has \(fileBytes) bytes in the file but only \(memoryBytes) in memory")
    }
    return Segment(
      header: UInt64(place), offset: offset, virtualAddress: virtualAddress, physicalAddress: physicalAddress, fileBytes: fileBytes)
  }
}

extension MemoryImage {
  /// Reads an ELF64 core of a virtual machine or of a process.
  ///
  /// QEMU's `dump-guest-memory` gives segments physical addresses; debuggers and the kernel leave those 0 and give virtual ones. So
  /// addresses are physical where any segment has a physical address that is not 0, or where no segment has any address. Segments must be
  /// whole pages, as both kinds of writer make them. Where a core with the guest's own mappings (`dump-guest-memory -p`) names the same
  /// physical bytes of the file again, they count once.
  convenience init(elfCore file: MappedFile) throws(ImageError) {
    let segments = try ElfCore.segments(file)
    let physical = segments.contains { $0.physicalAddress != 0 } || segments.allSatisfy { $0.virtualAddress == 0 }
    var extents: [Extent] = []
    for segment in segments {
      let address = physical ? segment.physicalAddress : segment.virtualAddress
      let page = UInt64(Self.pageSize)
      guard address % page == 0 else {
        let problem = "a segment at \(Self.hex(address)): memory is recorded in whole pages"
        throw ImageError(file.path, .malformed, at: segment.header + (physical ? 24 : 16), problem)
      }
      guard segment.fileBytes % page == 0 else {
        throw ImageError(
          file.path, .malformed, at: segment.header + 32, "a segment of \(segment.fileBytes) bytes: memory is recorded in whole pages")
      }
      extents.append(Extent(address: address, bytes: segment.fileBytes, offset: segment.offset, header: segment.header))
    }
    try self.init(file, .elfCore, physical ? .physical : .virtual, physical ? Self.withoutAliases(extents) : extents)
  }

  /// Drops what names the same bytes at the same address again; what disagrees stays, and is refused as an overlap.
  private static func withoutAliases(_ extents: [Extent]) -> [Extent] {
    var kept: [Extent] = []
    for extent in extents.sorted(by: { ($0.address, $0.offset, $1.bytes) < ($1.address, $1.offset, $0.bytes) }) {
      guard let last = kept.last, extent.address &- last.address < last.bytes,
        extent.offset &- last.offset == extent.address &- last.address
      else {
        kept.append(extent)
        continue
      }
      let known = last.bytes - (extent.address - last.address)
      guard extent.bytes > known else { continue }
      let (address, offset) = (extent.address.addingReportingOverflow(known), extent.offset.addingReportingOverflow(known))
      guard !address.overflow && !offset.overflow else {
        kept.append(extent)
        continue
      }
      kept.append(
        Extent(address: address.partialValue, bytes: extent.bytes - known, offset: offset.partialValue, header: extent.header))
    }
    return kept
  }
}
