internal import CLzma
internal import CZlib
internal import CZstd

/// Turns compressed bytes into what they were, a piece at a time.
///
/// The invariant: a decompressor holds what its format needs to go on (a window of at most 1 GiB for xz, 128 MiB for zstd, 32 KiB for gzip and zip) and never
/// a whole file.
protocol Decompressor: AnyObject {
  /// Whether the compressed bytes may end here: between two frames, members or streams.
  var mayEnd: Bool { get }
  /// Reads some compressed bytes and writes some decompressed ones. Neither need be all; both are none if it cannot go on without more.
  func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(DecompressionProblem) -> (
    taken: Int, given: Int
  )
}

/// Why bytes cannot be decompressed, in words.
struct DecompressionProblem: Error {
  let text: String
  init(_ text: String) { self.text = text }
}

/// gzip (RFC 1952), any number of members one after the other.
@safe final class GzipDecompressor: Decompressor {
  private let stream: Inflation
  private(set) var mayEnd = false

  init() throws(DecompressionProblem) { stream = try Inflation(bits: 31) }

  func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(DecompressionProblem) -> (
    taken: Int, given: Int
  ) {
    var skipped = 0
    if mayEnd {
      // Tapes and block devices pad a member with zeros.
      skipped = unsafe input.prefix { $0 == 0 }.count
      guard skipped < input.count else { return (skipped, 0) }
      try stream.restart()
      mayEnd = false
    }
    // SAFETY: skipped is at most the input's length.
    let step = unsafe try stream.step(UnsafeRawBufferPointer(rebasing: input[skipped...]), output, "gzip")
    mayEnd = step.ended
    return (step.taken + skipped, step.given)
  }
}

/// zlib's inflate, at an address that does not change, since the library remembers it.
@safe final class Inflation {
  private let stream: UnsafeMutablePointer<z_stream>

  /// - Parameter bits: 31 for gzip, -15 for bare deflate.
  init(bits: CInt) throws(DecompressionProblem) {
    // SAFETY: allocated here, freed in deinit; the library reads a zeroed structure.
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    guard unsafe memlab_inflate_begin(stream, bits) == Z_OK else { throw DecompressionProblem("zlib has no memory") }
  }

  deinit {
    // SAFETY: begun in init (or refused there, which the library tolerates), used by nobody else.
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Begins anew, with the same kind of stream.
  func restart() throws(DecompressionProblem) {
    // SAFETY: begun in init.
    guard unsafe inflateReset(stream) == Z_OK else { throw DecompressionProblem("zlib cannot begin anew") }
  }

  /// One step; `ended` at the end of a member.
  func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ name: String)
    throws(DecompressionProblem) -> (taken: Int, given: Int, ended: Bool)
  {
    let (most, room) = (min(input.count, 1 << 30), min(output.count, 1 << 30))
    // SAFETY: both buffers state their own bounds, of which at most 2^30 bytes are shown, and the library stays inside them.
    unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = UInt32(most)
    unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = UInt32(room)
    let result = unsafe inflate(stream, Z_NO_FLUSH)
    switch result {
    case Z_OK, Z_STREAM_END, Z_BUF_ERROR: break
    case Z_NEED_DICT: throw DecompressionProblem("the \(name) stream needs a dictionary")
    default:
      // SAFETY: the library's message is a constant C string or nil.
      let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "error \(result)"
      throw DecompressionProblem("the \(name) stream cannot be decompressed: \(reason)")
    }
    return unsafe (most - Int(stream.pointee.avail_in), room - Int(stream.pointee.avail_out), result == Z_STREAM_END)
  }
}

/// xz, any number of streams one after the other, with zeros between them.
@safe final class XzDecompressor: Decompressor {
  /// More than `xz -9` needs (65 MiB) and less than what a hostile header may ask for (4 GiB).
  private static let memoryLimit: UInt64 = 1 << 30

  private let stream: UnsafeMutablePointer<lzma_stream>
  private(set) var mayEnd = false

  init() throws(DecompressionProblem) {
    // SAFETY: allocated here, freed in deinit.
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: memlab_lzma_empty())
    try restart()
  }

  deinit {
    // SAFETY: begun in init, used by nobody else.
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  private func restart() throws(DecompressionProblem) {
    // SAFETY: the library frees what an earlier stream used.
    guard unsafe lzma_stream_decoder(stream, Self.memoryLimit, 0) == LZMA_OK else { throw DecompressionProblem("liblzma has no memory") }
  }

  func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(DecompressionProblem) -> (
    taken: Int, given: Int
  ) {
    var skipped = 0
    if mayEnd {
      skipped = unsafe input.prefix { $0 == 0 }.count
      guard skipped < input.count else { return (skipped, 0) }
      try restart()
      mayEnd = false
    }
    // SAFETY: both buffers state their own bounds, and the library stays inside them; skipped is at most the input's length.
    unsafe stream.pointee.next_in = input.baseAddress?.advanced(by: skipped).assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_in = input.count - skipped
    unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = output.count
    let result = unsafe lzma_code(stream, LZMA_RUN)
    switch result {
    case LZMA_OK, LZMA_BUF_ERROR: break
    case LZMA_STREAM_END: mayEnd = true
    case LZMA_MEMLIMIT_ERROR: throw DecompressionProblem("the xz stream asks for more than 1 GiB of memory")
    case LZMA_FORMAT_ERROR: throw DecompressionProblem("the xz stream cannot be decompressed: it is in no format that liblzma knows")
    case LZMA_OPTIONS_ERROR: throw DecompressionProblem("the xz stream cannot be decompressed: it needs a newer liblzma")
    case LZMA_DATA_ERROR: throw DecompressionProblem("the xz stream cannot be decompressed: it is damaged")
    default: throw DecompressionProblem("the xz stream cannot be decompressed: error \(result.rawValue)")
    }
    return unsafe (input.count - stream.pointee.avail_in, output.count - stream.pointee.avail_out)
  }
}

/// zstd (RFC 8878), any number of frames one after the other.
@safe final class ZstdDecompressor: Decompressor {
  private let stream: OpaquePointer
  private(set) var mayEnd = false

  init() throws(DecompressionProblem) {
    // SAFETY: the library returns a stream of its own or nil; it is freed in deinit.
    guard let stream = unsafe ZSTD_createDStream() else { throw DecompressionProblem("zstd has no memory") }
    unsafe self.stream = stream
  }

  deinit {
    // SAFETY: created in init, used by nobody else.
    unsafe ZSTD_freeDStream(stream)
  }

  func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) throws(DecompressionProblem) -> (
    taken: Int, given: Int
  ) {
    // SAFETY: both buffers state their own bounds, and the library stays inside them.
    var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let hint = unsafe ZSTD_decompressStream(stream, &target, &source)
    guard ZSTD_isError(hint) == 0 else {
      // SAFETY: the library returns a constant C string for every code.
      throw DecompressionProblem("the zstd stream cannot be decompressed: \(unsafe String(cString: ZSTD_getErrorName(hint)))")
    }
    let (taken, given) = unsafe (source.pos, target.pos)
    // Without input and output the hint is that of the frame that has not begun.
    if taken > 0 || given > 0 { mayEnd = hint == 0 }
    return (taken, given)
  }
}
