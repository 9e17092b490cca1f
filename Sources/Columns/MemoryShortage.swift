internal import Glibc

/// The end of a program whose memory the kernel does not grant (ulimit -v, a cluster's limit, vm.overcommit_memory=2): no trap, but a sentence on
/// standard error and EX_OSERR of sysexits.h, which nobody takes for a result.
enum MemoryShortage {
  static func end(bytes: Int) -> Never {
    let reason = errno
    // SAFETY: strerror returns a valid C string for every number.
    let words = unsafe String(cString: strerror(reason))
    let text = Array("error: the system gives no \(bytes) bytes of memory: \(words); see ulimit -v, or ask for less\n".utf8)
    // SAFETY: the array's own bounds. Where nobody reads it, nothing can be said.
    unsafe text.withUnsafeBytes { bytes in _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    _exit(EX_OSERR)
  }
}
