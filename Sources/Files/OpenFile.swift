internal import Glibc

/// A file that is read by offset and cannot be mapped, such as those of /proc; closed with its last reference.
@safe public final class OpenFile: Sendable {
  private let descriptor: CInt

  /// Opens a file for reading.
  /// - Throws: why it cannot be opened.
  public init(_ path: String) throws(SystemError) {
    // SAFETY: open reads a C string.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError(errno) }
  }

  deinit { close(descriptor) }

  /// Reads once into a part of a buffer from an offset, which may be any 64-bit address.
  /// - Parameter range: the part; all of the buffer if nil.
  /// - Returns: how many bytes; 0 at the end.
  public func read(at offset: UInt64, into target: UnsafeMutableRawBufferPointer, range: Range<Int>? = nil) throws(SystemError) -> Int {
    // SAFETY: slicing checks the range, in every build, against the buffer's own bounds.
    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: target[range ?? 0..<target.count])
    while true {
      let count = unsafe pread(descriptor, part.baseAddress, part.count, off_t(truncatingIfNeeded: offset))
      if count >= 0 { return count }
      guard errno == EINTR else { throw SystemError(errno) }
    }
  }

  /// The whole file, whose size /proc does not tell.
  public func text() throws(SystemError) -> String {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let offset = UInt64(bytes.count)
      // SAFETY: the array's own bounds are passed on.
      let count = unsafe try piece.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
        unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += piece[..<count]
    }
  }

  /// Reads once into an array of words from an offset.
  /// - Returns: how many bytes; 0 at the end.
  public func read(at offset: UInt64, into words: inout [UInt64]) throws(SystemError) -> Int {
    // SAFETY: the array's own bounds are passed on.
    unsafe try words.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
      unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// Issues a control request with a structure of 64-bit words, which the kernel may change, and an array for its answers.
  /// - Parameters:
  ///   - request: the request's number, which carries the structure's size: it must be that of `words`.
  ///   - vector: the answers' array. Its address is put into the structure.
  ///   - place: the word of the structure for that address. The structure must tell the array's length in the kernel's own way.
  /// - Returns: what the kernel returns.
  public func control(_ request: UInt, _ words: inout [UInt64], vector: inout [UInt64], addressAt place: Int) throws(SystemError) -> Int {
    precondition(Int(request >> 16 & 0x3fff) == words.count * 8, "the request is made with the structure that its number tells")
    // SAFETY: the kernel reads and writes the structure, whose size was just checked, and writes to the vector as far as the structure says;
    // both live during the call.
    let result = unsafe vector.withUnsafeMutableBufferPointer { answers in
      words[place] = UInt64(UInt(bitPattern: answers.baseAddress))
      return unsafe words.withUnsafeMutableBytes { unsafe ioctl(descriptor, request, $0.baseAddress!) }
    }
    guard result >= 0 else { throw SystemError(errno) }
    return Int(result)
  }
}
