internal import Columns
internal import Glibc

/// Clocks and memory of this process.
enum Measuring {
  /// Processor time that this process has used, all threads, user and system, in nanoseconds. Other processes on the machine do not add to it, though
  /// they share its caches: hence the best of several rounds.
  static var processorNanoseconds: Double {
    var time = timespec()
    // SAFETY: fills a local structure.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }

  /// Processor time of one call, in nanoseconds.
  static func time(_ body: () throws -> Void) rethrows -> Double {
    let start = processorNanoseconds
    try body()
    return processorNanoseconds - start
  }

  /// The best time of several calls.
  static func best(of rounds: Int, _ body: () throws -> Void) rethrows -> Double {
    var best = Double.infinity
    for _ in 0..<rounds { best = min(best, try time(body)) }
    return best
  }

  /// The best times of two bodies that take turns, so that both meet the same neighbours on the machine.
  static func bestOfBoth(rounds: Int, _ first: () throws -> Void, _ second: () throws -> Void) rethrows -> (Double, Double) {
    var best = (Double.infinity, Double.infinity)
    for _ in 0..<rounds {
      best.0 = min(best.0, try time(first))
      best.1 = min(best.1, try time(second))
    }
    return best
  }

  /// Bytes of physical memory that this process holds, counted exactly by the kernel (/proc/self/smaps_rollup, Rss).
  static var residentBytes: Double { kilobytes(of: "Rss:", in: "/proc/self/smaps_rollup") * 1024 }

  /// Bytes of it that are not pages of files (/proc/self/status, RssAnon).
  static var anonymousBytes: Double { kilobytes(of: "RssAnon:", in: "/proc/self/status") * 1024 }

  /// Bytes that can still be written to a folder's disk (statvfs, f_bavail).
  static func freeBytes(of folder: String) -> Double {
    var status = statvfs()
    // SAFETY: reads a C string and fills a local structure.
    guard unsafe statvfs(folder, &status) == 0 else { return 0 }
    return Double(status.f_bavail) * Double(status.f_frsize)
  }

  /// Bytes of memory that a file can be kept in without anything else being swapped (/proc/meminfo, MemAvailable).
  static var availableBytes: Double { kilobytes(of: "MemAvailable:", in: "/proc/meminfo") * 1024 }

  private static func kilobytes(of key: String, in path: String) -> Double {
    let line = text(of: path).split(separator: "\n").first { $0.hasPrefix(key) }
    return line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
  }

  /// The text of a small file; empty if there is none.
  static func text(of path: String) -> String {
    // SAFETY: the stream is opened, read into an array by its own bounds, and closed here.
    guard let file = unsafe fopen(path, "r") else { return "" }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private static let sink = Column<UInt64>(count: 1)

  /// Uses a result, so that the optimizer cannot leave out what computes it.
  static func keep(_ word: UInt64) { sink[0] &+= word }
}
