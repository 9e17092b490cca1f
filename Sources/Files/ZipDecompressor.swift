internal import CZlib

/// The members of a zip file (PKWARE APPNOTE 6.3), one after the other, read from front to back, so that a pipe will do; the directory at the end is only
/// compared with what was read.
///
/// One member may have any name; several must be `chunk.0000`, `chunk.0001` and so on in this order, the pieces of one stream as DynamoRIO writes them.
/// Each member's length and CRC-32 are checked.
@safe final class ZipDecompressor: Decompressor {
  private enum State {
    case header
    /// Bytes of name and extra fields to come.
    case names(name: Int, extra: Int)
    case stored(rest: UInt64)
    case deflated
    /// Length and checksum follow the data.
    case descriptor
    /// The directory at the end has begun.
    case directory(ZipDirectory)
  }

  private struct Member {
    var method: UInt16 = 0
    var flags: UInt16 = 0
    /// What is told of it before its data.
    var told = ZipEntry()
    /// What has been seen of it.
    var taken: UInt64 = 0
    var given: UInt64 = 0
    var sum: UInt = 0
    var hasDescriptor: Bool { flags & 8 != 0 }
  }

  private var state = State.header
  private var pending: [UInt8] = []
  private var member = Member()
  private var memberCount = 0
  private var members = ZipCensus()
  /// Bytes of the file that have been taken.
  private var place: UInt64 = 0
  private var firstIsChunk = false
  private let inflation: Inflation

  init() throws(DecompressionProblem) { inflation = try Inflation(bits: -15) }

  var mayEnd: Bool {
    if case .directory(let directory) = state { return directory.mayEnd }
    return false
  }

  func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(DecompressionProblem) -> (
    taken: Int, given: Int
  ) {
    let step = unsafe try readOn(input, output)
    place += UInt64(step.taken)
    return step
  }

  private func readOn(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(DecompressionProblem) -> (
    taken: Int, given: Int
  ) {
    switch state {
    case .header: return (unsafe try header(input), 0)
    case .names(let name, let extra): return (unsafe try names(input, name, extra), 0)
    case .stored(let rest): return unsafe try copy(input, output, rest)
    case .deflated:
      let step = unsafe try inflation.step(input, output, "zip")
      member.taken += UInt64(step.taken)
      // SAFETY: the library wrote that many bytes.
      unsafe count(UnsafeRawBufferPointer(rebasing: output[..<step.given]))
      if step.ended { try endData() }
      return (step.taken, step.given)
    case .descriptor: return (unsafe try descriptor(input), 0)
    case .directory(var directory):
      // The copy in the state would make every change copy what is pending.
      state = .header
      let taken = unsafe try directory.read(input)
      state = .directory(directory)
      return (taken, 0)
    }
  }

  /// Gathers bytes until `pending` has `count` of them.
  /// - Returns: how many were taken, and whether they are all there.
  private func gather(_ input: UnsafeRawBufferPointer, _ count: Int) -> (taken: Int, isComplete: Bool) {
    let taken = min(max(count - pending.count, 0), input.count)
    // SAFETY: the range was just bounded by the input's length.
    unsafe pending.append(contentsOf: input[..<taken])
    return (taken, pending.count >= count)
  }

  private func integer<Integer: FixedWidthInteger>(_ offset: Int, _ type: Integer.Type = Integer.self) -> Integer {
    pending[...].littleEndian(offset)
  }

  private func header(_ input: UnsafeRawBufferPointer) throws(DecompressionProblem) -> Int {
    let (first, hasSignature) = unsafe gather(input, 4)
    guard hasSignature else { return first }
    let signature: UInt32 = integer(0)
    guard !ZipDirectory.begins(with: signature) else {
      state = .directory(ZipDirectory(of: members, at: place + UInt64(first) - 4, begun: pending))
      pending.removeAll()
      return first
    }
    guard signature == 0x0403_4b50 else { throw DecompressionProblem("the zip file has no member where one should begin") }
    // SAFETY: first is at most the input's length.
    let (second, isComplete) = unsafe gather(UnsafeRawBufferPointer(rebasing: input[first...]), 30)
    guard isComplete else { return first + second }
    member = Member(
      method: integer(8), flags: integer(6),
      told: ZipEntry(
        checksum: integer(14), compressed: UInt64(integer(18, UInt32.self)), size: UInt64(integer(22, UInt32.self)),
        offset: place + UInt64(first + second) - 30))
    guard member.flags & 1 == 0 else { throw DecompressionProblem("the zip file is encrypted") }
    let name = Int(integer(26, UInt16.self))
    guard name > 0 else { throw DecompressionProblem("a member of the zip file has no name") }
    state = .names(name: name, extra: Int(integer(28, UInt16.self)))
    pending.removeAll(keepingCapacity: true)
    return first + second
  }

  private func names(_ input: UnsafeRawBufferPointer, _ name: Int, _ extra: Int) throws(DecompressionProblem) -> Int {
    let (taken, isComplete) = unsafe gather(input, name + extra)
    guard isComplete else { return taken }
    try checkName(String(decoding: pending[..<name], as: UTF8.self))
    member.told.readName(pending[..<name])
    member.told.readExtra(pending[name..<name + extra])
    pending.removeAll(keepingCapacity: true)
    switch member.method {
    case 0:
      if member.hasDescriptor && member.told.compressed == 0 {
        throw DecompressionProblem("a member of the zip file is stored without its length")
      }
      state = .stored(rest: member.told.compressed)
      if member.told.compressed == 0 { try endData() }
    case 8:
      try inflation.restart()
      state = .deflated
    default:
      throw DecompressionProblem("a member of the zip file is compressed by method \(member.method); 0 (stored) and 8 (deflate) are read")
    }
    return taken
  }

  private func checkName(_ name: String) throws(DecompressionProblem) {
    if name.hasSuffix("/") { return }
    let number = String(memberCount)
    let chunk = "chunk." + String(repeating: "0", count: max(0, 4 - number.utf8.count)) + number
    if memberCount == 0 { firstIsChunk = name == chunk }
    if memberCount > 0 && !firstIsChunk {
      throw DecompressionProblem("the zip file has several members; only chunk.0000, chunk.0001 and so on are read as one stream")
    }
    if firstIsChunk && name != chunk { throw DecompressionProblem("the zip file has \"\(name)\" where \(chunk) should be") }
    memberCount += 1
  }

  private func copy(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ rest: UInt64) throws(DecompressionProblem)
    -> (taken: Int, given: Int)
  {
    let length = Int(min(UInt64(min(input.count, output.count)), rest))
    // SAFETY: the length was just bounded by both buffers' lengths.
    let source = unsafe UnsafeRawBufferPointer(rebasing: input[..<length])
    unsafe output.copyMemory(from: source)
    unsafe count(source)
    member.taken += UInt64(length)
    state = .stored(rest: rest - UInt64(length))
    if rest == UInt64(length) { try endData() }
    return (length, length)
  }

  /// Counts decompressed bytes and adds them to the checksum.
  private func count(_ bytes: UnsafeRawBufferPointer) {
    guard unsafe !bytes.isEmpty else { return }
    member.given += UInt64(bytes.count)
    // SAFETY: the buffer's own bounds; blocks are far below 4 GiB.
    unsafe member.sum = crc32(member.sum, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(clamping: bytes.count))
  }

  private func endData() throws(DecompressionProblem) {
    if member.hasDescriptor {
      state = .descriptor
    } else {
      try end(member.told.checksum, member.told.compressed, member.told.size)
    }
  }

  /// Ends the member if what is told of it is true.
  private func end(_ checksum: UInt32, _ compressed: UInt64, _ size: UInt64) throws(DecompressionProblem) {
    guard UInt(checksum) == member.sum else {
      throw DecompressionProblem("a member of the zip file does not have the checksum that it tells")
    }
    guard compressed == member.taken && size == member.given else {
      throw DecompressionProblem("a member of the zip file does not have the length that it tells")
    }
    (member.told.checksum, member.told.compressed, member.told.size) = (checksum, compressed, size)
    members.add(member.told)
    pending.removeAll(keepingCapacity: true)
    state = .header
  }

  /// Checksum and lengths behind the data, with or without a signature, of 32 or 64 bits: whatever fits what was counted.
  private func descriptor(_ input: UnsafeRawBufferPointer) throws(DecompressionProblem) -> Int {
    var taken = 0
    func need(_ count: Int) -> Bool {
      // SAFETY: taken is at most the input's length.
      let (more, isComplete) = unsafe gather(UnsafeRawBufferPointer(rebasing: input[taken...]), count)
      taken += more
      return isComplete
    }
    guard need(4) else { return taken }
    let start = integer(0, UInt32.self) == 0x0807_4b50 && member.sum != 0x0807_4b50 ? 4 : 0
    guard need(start + 12) else { return taken }
    let isSmall =
      UInt64(integer(start + 4, UInt32.self)) == member.taken && UInt64(integer(start + 8, UInt32.self)) == member.given
    if isSmall && member.taken <= 0xffff_ffff {
      try end(integer(start), member.taken, member.given)
    } else {
      guard need(start + 20) else { return taken }
      try end(integer(start), integer(start + 4), integer(start + 12))
    }
    return taken
  }
}
