internal import Glibc

/// A file of /proc, read by offset; closed with its last reference.
@safe final class KernelFile: Sendable {
  private let descriptor: CInt

  /// Opens a file for reading.
  /// - Throws: the kernel's error number.
  init(_ path: String) throws(KernelErrorNumber) {
    // SAFETY: open reads a C string.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw KernelErrorNumber(errno) }
  }

  deinit { close(descriptor) }

  /// Reads once into a buffer from an offset, which may be any 64-bit address.
  /// - Returns: how many bytes; 0 at the end.
  func read(at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(KernelErrorNumber) -> Int {
    while true {
      // SAFETY: the buffer's own bounds.
      let count = unsafe pread(descriptor, target.baseAddress, target.count, off_t(truncatingIfNeeded: offset))
      if count >= 0 { return count }
      guard errno == EINTR else { throw KernelErrorNumber(errno) }
    }
  }

  /// The whole file, whose size /proc does not tell.
  func text() throws(KernelErrorNumber) -> String {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let offset = UInt64(bytes.count)
      // SAFETY: the array's own bounds are passed on.
      let count = unsafe try piece.withUnsafeMutableBufferPointer { buffer throws(KernelErrorNumber) in
        unsafe try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += piece[..<count]
    }
  }

  /// Issues a control request with a structure of 64-bit words; the kernel may change them.
  /// - Returns: what the kernel returns.
  func control(_ request: UInt, _ words: inout [UInt64]) throws(KernelErrorNumber) -> Int {
    // SAFETY: the request's number carries the structure's size, which the caller has checked against the number of words.
    let result = unsafe words.withUnsafeMutableBytes { unsafe ioctl(descriptor, request, $0.baseAddress!) }
    guard result >= 0 else { throw KernelErrorNumber(errno) }
    return Int(result)
  }
}

/// What the kernel answered instead.
struct KernelErrorNumber: Error, Equatable {
  let rawValue: CInt

  init(_ rawValue: CInt) { self.rawValue = rawValue }

  /// In words.
  var text: String {
    // SAFETY: strerror returns a valid C string for every number.
    unsafe String(cString: strerror(rawValue))
  }
}
