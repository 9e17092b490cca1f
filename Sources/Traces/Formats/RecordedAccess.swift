internal import Addressing
internal import Columns

/// What a decoder has put into a batch so far, and what it has left out.
struct DecodedCounts {
  /// Records in the batch.
  var records = 0
  /// Records or lines that stand for nothing.
  var skipped: UInt64 = 0
  /// Accesses that became two.
  var pageCrossings: UInt64 = 0

  /// Whether a batch has room for whatever one record of the input becomes.
  @inline(__always) func fits(_ batch: borrowing AccessBatch) -> Bool { records &+ AccessBatch.leastCount <= batch.count }
}

/// The one gate through which recorded accesses pass.
enum RecordedAccess {
  /// The largest access: AMX's tile loads and XSAVE's areas stay below a page or touch one more.
  static let largestSize: UInt64 = 4096

  /// What makes an access impossible, in words; nil if nothing does.
  static func problem(_ address: UInt64, size: UInt64) -> String? {
    if size == 0 { return "the access has size 0" }
    if size > largestSize { return "the access has size \(size); the largest is \(largestSize)" }
    if !isCanonical(address) { return "0x\(String(address, radix: 16)) is no canonical address: bits 63:56 are not all equal" }
    if !isCanonical(address &+ (size - 1)) || address > UInt64.max - (size - 1) {
      return "the access at 0x\(String(address, radix: 16)) goes beyond the last canonical address"
    }
    return nil
  }

  /// Whether bits 63:56 are equal, as the widest mode of x86-64 (57 bits, five levels) demands.
  @inline(__always) static func isCanonical(_ address: UInt64) -> Bool { address &+ 1 << 56 < 1 << 57 }
}

extension AccessBatch {
  /// Delivers an access, as two records if it crosses a 4 KiB page. Addresses of the upper half belong to the kernel, in every system on
  /// x86-64: their accesses are a supervisor's.
  /// - Returns: false, and delivers nothing, if no processor can make it: `RecordedAccess.problem` says why.
  @inline(__always) borrowing func deliver(_ address: UInt64, size: UInt64, _ kind: AccessKind, _ counts: inout DecodedCounts) -> Bool {
    deliver(address, size: size, kind: UInt64(kind.rawValue), &counts)
  }

  /// The same, the kind as the number that a record has.
  @inline(__always) borrowing func deliver(_ address: UInt64, size: UInt64, kind: UInt64, _ counts: inout DecodedCounts) -> Bool {
    let last = address &+ (size &- 1)
    guard size &- 1 < RecordedAccess.largestSize, RecordedAccess.isCanonical(address), RecordedAccess.isCanonical(last), last >= address
    else {
      return false
    }
    let mode = (address >> 63) << 2 | kind
    put(AccessRecord(rawValue: address & ~7 | mode), &counts.records)
    if address >> 12 != last >> 12 {
      put(AccessRecord(rawValue: last & ~0xfff | mode), &counts.records)
      counts.pageCrossings &+= 1
    }
    return true
  }
}
