public import PageSharing

/// A live process's memory, saved as an ELF64 core: `scan` reads it back, and debuggers understand it.
///
/// Only pages that are present become part of it: each row of them is a segment (PT_LOAD) with the rights of its mapping, so that reading
/// it back gives exactly the pages that were there. What was mapped from which file is told in a note (NT_FILE). There are no registers in
/// it. Pages are written as they are read, and the table of segments after them, when it is known which pages had vanished meanwhile.
public struct CoreCapture: Sendable {
  /// Pages saved.
  public let pages: UInt64
  /// Pages that were present when they were listed and gone when they were read.
  public let pagesVanished: UInt64
  /// The length of the file in bytes.
  public let fileBytes: UInt64

  private struct Segment {
    let address: UInt64
    let offset: UInt64
    var bytes: UInt64
    let flags: UInt32
  }

  /// Saves a process's memory in a file, which appears whole or not at all, and for its owner's eyes only: a process holds passwords and
  /// keys.
  /// - Throws: if the process ends or may not be read, or the file cannot be written.
  public init(of process: any RemoteMemory, to path: String) throws(ImageError) {
    let file = try OutputFile(path, isPrivate: true)
    let page = process.pageSize
    try file.append([UInt8](repeating: 0, count: page))
    var segments: [Segment] = []
    var vanished = 0
    for run in process.runs {
      let flags = Self.flags(at: run.address, in: process.mappings)
      var failure: ImageError?
      do throws(RemoteMemoryError) {
        vanished += try RemoteCopy.forEachPiece(of: process, at: run.address, units: 0..<run.pageCount, unitBytes: page) {
          first, bytes in
          guard failure == nil else { return }
          let address = run.address + UInt64(first * page)
          if let last = segments.last, last.address + last.bytes == address, last.flags == flags {
            segments[segments.count - 1].bytes += UInt64(bytes.byteCount)
          } else {
            segments.append(Segment(address: address, offset: file.count, bytes: UInt64(bytes.byteCount), flags: flags))
          }
          do throws(ImageError) { try file.append(bytes) } catch { failure = error }
        }
      } catch { throw ImageError(error) }
      if let failure { throw failure }
    }
    let note = try Self.appendFileNote(process, to: file)
    try Self.appendTable(segments, note, to: file)
    try file.commit()
    pages = segments.reduce(0) { $0 + $1.bytes } / UInt64(page)
    pagesVanished = UInt64(vanished)
    fileBytes = file.count
  }

  /// PF_X, PF_W, PF_R of the mapping that holds an address.
  private static func flags(at address: UInt64, in mappings: [RemoteMapping]) -> UInt32 {
    var (low, high) = (0, mappings.count)
    while low < high {
      let middle = (low + high) / 2
      if mappings[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < mappings.count, mappings[low].start <= address else { return 4 }
    return (mappings[low].isExecutable ? 1 : 0) | (mappings[low].isWritable ? 2 : 0) | (mappings[low].isReadable ? 4 : 0)
  }

  /// Appends an NT_FILE note: count, page size, start, end and page offset of each mapping of a file, then the names (elf(5), "Notes").
  private static func appendFileNote(_ process: any RemoteMemory, to file: OutputFile) throws(ImageError) -> (offset: UInt64, bytes: UInt64)
  {
    let mapped = process.mappings.filter { $0.path.hasPrefix("/") }
    let names = mapped.reduce(into: [UInt8]()) { $0 += Array($1.path.utf8) + [0] }
    let description = 16 + 24 * mapped.count + names.count
    let start = file.count
    try file.append(UInt32(5))
    try file.append(UInt32(description))
    try file.append(UInt32(0x4649_4c45))
    try file.append(Array("CORE".utf8) + [0, 0, 0, 0])
    try file.append(UInt64(mapped.count))
    try file.append(UInt64(process.pageSize))
    for mapping in mapped {
      try file.append(mapping.start)
      try file.append(mapping.end)
      try file.append(mapping.fileOffset / UInt64(process.pageSize))
    }
    try file.append(names + [UInt8](repeating: 0, count: (4 - names.count % 4) % 4))
    return (start, file.count - start)
  }

  private static func appendTable(_ segments: [Segment], _ note: (offset: UInt64, bytes: UInt64), to file: OutputFile) throws(ImageError) {
    let table = file.count
    try appendProgramHeader(ElfCore.note, 4, note.offset, 0, note.bytes, align: 4, to: file)
    for segment in segments {
      try appendProgramHeader(ElfCore.load, segment.flags, segment.offset, segment.address, segment.bytes, align: 4096, to: file)
    }
    let count = UInt32(segments.count + 1)
    let isExtended = count >= UInt32(ElfCore.extendedCount)
    let sections = file.count
    if isExtended {
      // Section header 0, whose sh_info (byte 44) tells the number of program headers.
      try file.append([UInt8](repeating: 0, count: 44))
      try file.append(count)
      try file.append([UInt8](repeating: 0, count: 16))
    }
    var header = ElfCore.magic + [2, 1, 1] + [UInt8](repeating: 0, count: 9)
    func add<Integer: FixedWidthInteger>(_ value: Integer) {
      for shift in 0..<Integer.bitWidth / 8 { header.append(UInt8(truncatingIfNeeded: value >> (shift * 8))) }
    }
    add(ElfCore.coreType)
    add(machine)
    add(UInt32(1))
    add(UInt64(0))
    add(table)
    add(isExtended ? sections : 0)
    add(UInt32(0))
    add(UInt16(ElfCore.headerBytes))
    add(UInt16(ElfCore.programHeaderBytes))
    add(isExtended ? ElfCore.extendedCount : UInt16(count))
    add(UInt16(64))
    add(UInt16(isExtended ? 1 : 0))
    add(UInt16(0))
    try file.overwriteBeginning(header)
  }

  /// e_machine of the processor that this is compiled for: EM_X86_64 or EM_AARCH64.
  private static var machine: UInt16 {
    #if arch(arm64)
      183
    #else
      62
    #endif
  }

  private static func appendProgramHeader(
    _ type: UInt32, _ flags: UInt32, _ offset: UInt64, _ address: UInt64, _ bytes: UInt64, align: UInt64, to file: OutputFile
  ) throws(ImageError) {
    try file.append(type)
    try file.append(flags)
    try file.append(offset)
    try file.append(address)
    try file.append(UInt64(0))
    try file.append(bytes)
    try file.append(type == ElfCore.note ? 0 : bytes)
    try file.append(align)
  }
}
