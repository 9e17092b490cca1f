import Foundation

/// A folder for the files of one test, removed with it.
final class Workshop: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("memlab-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Everything in the folder and below it, with sizes: what a command must not change when it fails.
  var listing: [String] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? []
    return names.sorted().map { name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: url.appendingPathComponent(name).path)
      return "\(name) \(attributes?[.size] as? Int ?? -1)"
    }
  }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: url.appendingPathComponent(name)) }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func folder(_ name: String) throws {
    try FileManager.default.createDirectory(at: url.appendingPathComponent(name), withIntermediateDirectories: true)
  }

  /// A named pipe that nobody writes to.
  func pipe(_ name: String) throws {
    // SAFETY: mkfifo reads a C string.
    guard unsafe mkfifo(path(name), 0o600) == 0 else { throw MemlabProcess.Failure("no pipe") }
  }

  /// A file of a length whose bytes were never written.
  func sparse(_ name: String, bytes: UInt64) throws {
    let file = try emptyFile(name)
    try file.truncate(atOffset: bytes)
    try file.close()
  }

  func emptyFile(_ name: String) throws -> FileHandle {
    try write(name, [])
    return try FileHandle(forWritingTo: url.appendingPathComponent(name))
  }
}

/// Bytes of files, written by hand from the formats' descriptions.
enum Bytes {
  static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  static let pitMagic = Array("MLPIT1".utf8) + [0, 0]
  static let mfpMagic = Array("MLMFP1".utf8) + [0, 0]

  /// A page identity trace, or what its header claims to be one.
  static func trace(
    magic: [UInt8] = pitMagic, pageSize: UInt32 = 4096, guests: UInt32 = 1, name: [UInt8] = Array("a".utf8), pages: UInt64? = nil,
    _ identities: [UInt32] = [0, 1, 1]
  ) -> [UInt8] {
    magic + little(pageSize) + little(guests) + little(UInt16(name.count)) + little(pages ?? UInt64(identities.count)) + name
      + identities.flatMap { little($0) }
  }

  /// A zstd frame (RFC 8878): a raw block, then blocks of 128 KiB that repeat a zero, four bytes each in the file.
  static func zstd(_ raw: [UInt8], zeroBlocks: Int = 0) -> [UInt8] {
    func header(_ isLast: Bool, _ type: UInt32, _ size: Int) -> [UInt8] {
      Array(little((isLast ? 1 : 0) | type << 1 | UInt32(size) << 3).prefix(3))
    }
    let window: [UInt8] = [0x00, 0x58]
    var frame = [0x28, 0xb5, 0x2f, 0xfd] + window + header(zeroBlocks == 0, 0, raw.count) + raw
    for block in 0..<zeroBlocks { frame += header(block == zeroBlocks - 1, 1, 1 << 17) + [0] }
    return frame
  }

  /// The header of an ELF64 core with one PT_LOAD segment that claims an offset, an address and a length.
  static func core(
    type: UInt16 = 4, bits: UInt8 = 2, headers: UInt16 = 1, table: UInt64 = 64, offset: UInt64 = 4096, address: UInt64 = 0,
    bytes: UInt64 = 4096,
    length: Int = 8192
  ) -> [UInt8] {
    let ident: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, bits, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    let header =
      ident + little(type) + little(UInt16(62)) + little(UInt32(1)) + little(UInt64(0)) + little(table) + little(UInt64(0))
      + little(UInt32(0)) + little(UInt16(64)) + little(UInt16(56)) + little(headers) + little(UInt16(0)) + little(UInt16(0))
      + little(UInt16(0))
    let segment =
      little(UInt32(1)) + little(UInt32(6)) + little(offset) + little(address) + little(address) + little(bytes) + little(bytes)
      + little(UInt64(4096))
    let file = header + segment
    return file.count >= length ? Array(file.prefix(length)) : file + [UInt8](repeating: 7, count: length - file.count)
  }

  /// A LiME range header with the bytes of its range.
  static func lime(version: UInt32 = 1, first: UInt64 = 0, last: UInt64 = 4095, bytes: Int = 4096) -> [UInt8] {
    [0x45, 0x4d, 0x69, 0x4c] + little(version) + little(first) + little(last) + little(UInt64(0)) + [UInt8](repeating: 5, count: bytes)
  }
}
