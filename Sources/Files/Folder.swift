internal import Glibc

/// What stands in a folder.
public enum Folder {
  /// The names in a folder, in no order; none if it cannot be read.
  public static func names(in folder: String) -> [String] {
    // SAFETY: the stream is used between open and close only; each entry is copied before the next is read.
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      names.append(
        unsafe withUnsafePointer(to: &entry.pointee.d_name) {
          unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        })
    }
    return names
  }

  /// The first 64 bytes of what a symbolic link says; empty if there is none.
  public static func target(of link: String) -> String {
    var buffer = [UInt8](repeating: 0, count: 64)
    // SAFETY: the buffer's own bounds.
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe readlink(link, $0.baseAddress!, $0.count) }
    }
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }
}
