import Foundation
import RAMImages

/// A file made by a test, byte by byte, and removed with its last reference.
final class RecordedFile {
  let path: String

  init(_ bytes: [UInt8], name: String = "image") throws {
    path = FileManager.default.temporaryDirectory.path + "/memlab-\(UUID().uuidString)-\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var input: [MemoryInput] { get throws { try RecordedMemory.open(path) } }
}

/// Builds files of each format from their definitions, without the code under test.
enum Build {
  static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  static func summary(_ magic: String, pageSize: UInt32 = 4096, _ guests: [(name: String, pages: UInt64, rest: [UInt8])]) -> [UInt8] {
    var bytes = Array(magic.utf8) + [0, 0] + little(pageSize) + little(UInt32(guests.count))
    for guest in guests { bytes += little(UInt16(guest.name.utf8.count)) + little(guest.pages) + Array(guest.name.utf8) + guest.rest }
    return bytes
  }

  static func trace(_ guests: [(name: String, identities: [UInt32])]) -> [UInt8] {
    summary("MLPIT1", guests.map { ($0.name, UInt64($0.identities.count), $0.identities.flatMap(little)) })
  }

  static func page(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 4096) }

  static func lime(_ ranges: [(first: UInt64, bytes: [UInt8])]) -> [UInt8] {
    ranges.flatMap { limeHeader($0.first, $0.first &+ UInt64($0.bytes.count) &- 1) + $0.bytes }
  }

  static func limeHeader(_ first: UInt64, _ last: UInt64, version: UInt32 = 1) -> [UInt8] {
    Array("EMiL".utf8) + little(version) + little(first) + little(last) + little(UInt64(0))
  }

  struct Segment {
    var type: UInt32 = 1
    var offset: UInt64 = 4096
    var virtual: UInt64 = 0
    var physical: UInt64 = 0
    var fileBytes: UInt64 = 4096
    var memoryBytes: UInt64?
  }

  /// An ELF64 core: header, program headers, and then, from byte 4096 on, `body`.
  static func core(_ segments: [Segment], body: [UInt8], type: UInt16 = 4, change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
    bytes += little(type) + little(UInt16(62)) + little(UInt32(1)) + little(UInt64(0)) + little(UInt64(64)) + little(UInt64(0))
    bytes += little(UInt32(0)) + little(UInt16(64)) + little(UInt16(56)) + little(UInt16(segments.count)) + [0, 0, 0, 0, 0, 0]
    for segment in segments {
      bytes += little(segment.type) + little(UInt32(6)) + little(segment.offset) + little(segment.virtual) + little(segment.physical)
      bytes += little(segment.fileBytes) + little(segment.memoryBytes ?? segment.fileBytes) + little(UInt64(4096))
    }
    bytes += [UInt8](repeating: 0, count: max(0, 4096 - bytes.count)) + body
    change(&bytes)
    return bytes
  }
}
