internal import Files
internal import Glibc
internal import PageSharing

/// Which pages of a process are present, as /proc/PID/pagemap tells.
///
/// Since Linux 6.7 one request (PAGEMAP_SCAN) lists present pages and leaves holes out, however large they are; it also tells pages that
/// map the kernel's zero frame, which hold no memory of the process. Older kernels tell one word a page, and there such pages count as
/// pages of zeros.
struct PageMap {
  /// The file's size of a page.
  static let pageSize: UInt64 = 4096

  private let file: OpenFile
  private let withFiles: Bool

  /// The map of a process, for its anonymous pages or for those of files as well.
  init(_ file: OpenFile, withFiles: Bool) {
    self.file = file
    self.withFiles = withFiles
  }

  /// PAGEMAP_SCAN and its structure `pm_scan_arg` (include/uapi/linux/fs.h): twelve words.
  private enum Scan {
    static let request: UInt = 0xc060_6610
    static let size: UInt64 = 96
    /// PAGE_IS_FILE, PAGE_IS_PRESENT, PAGE_IS_PFNZERO.
    static let file: UInt64 = 1 << 2
    static let present: UInt64 = 1 << 3
    static let zeroFrame: UInt64 = 1 << 5
    /// `walk_end`, which the kernel sets, and `vec`: the address of the regions.
    static let endWord = 4
    static let vectorWord = 5
  }

  /// Bits of a pagemap word (Documentation/admin-guide/mm/pagemap.rst).
  private enum Word {
    static let present: UInt64 = 1 << 63
    static let file: UInt64 = 1 << 61
    /// Bits 0-54.
    static let frame: UInt64 = 1 << 55 - 1
  }

  /// Present pages in a range of addresses: at most `limit` runs, from the first one on.
  func runs(_ start: UInt64, _ end: UInt64, limit: Int = .max) throws(SystemError) -> [RemoteRun] {
    do throws(SystemError) {
      return try scanned(start, end, limit)
    } catch {
      guard error.code == ENOTTY || error.code == EINVAL else { throw error }
      return try listed(start, end, limit)
    }
  }

  /// The frame of each page in a row; nil for one that is not present.
  /// - Throws: EPERM if the kernel hides frame numbers from this process (it shows 0 without CAP_SYS_ADMIN).
  func frames(of run: RemoteRun) throws(SystemError) -> [UInt64?] {
    var frames: [UInt64?] = []
    frames.reserveCapacity(run.pageCount)
    while frames.count < run.pageCount {
      var words = [UInt64](repeating: 0, count: min(run.pageCount - frames.count, 1 << 15))
      let bytes = try file.read(at: (run.address / Self.pageSize + UInt64(frames.count)) * 8, into: &words)
      guard bytes >= 8 else { throw SystemError(ESRCH) }
      for word in words[..<(bytes / 8)] {
        let frame = word & Word.frame
        guard word & Word.present == 0 || frame != 0 else { throw SystemError(EPERM) }
        frames.append(word & Word.present != 0 ? frame : nil)
      }
    }
    return frames
  }

  /// Whether the process still has an address space: without one, the file is empty.
  func isAlive() -> Bool {
    var word: [UInt64] = [0]
    return ((try? file.read(at: 0, into: &word)) ?? 0) > 0
  }

  private func scanned(_ start: UInt64, _ end: UInt64, _ limit: Int) throws(SystemError) -> [RemoteRun] {
    var found: [RemoteRun] = []
    // Regions of three words each: start, end, categories.
    var regions = [UInt64](repeating: 0, count: 3 * min(limit, 512))
    var from = start
    while from < end && found.count < limit {
      let excluded = withFiles ? Scan.zeroFrame : Scan.zeroFrame | Scan.file
      var words: [UInt64] = [
        Scan.size, 0, from, end, 0, 0, UInt64(regions.count / 3), 0, excluded, Scan.present | excluded, 0, Scan.present,
      ]
      let count = try file.control(Scan.request, &words, vector: &regions, addressAt: Scan.vectorWord)
      let reached = words[Scan.endWord]
      for region in 0..<min(count, regions.count / 3) {
        let (first, last) = (regions[region * 3], regions[region * 3 + 1])
        guard last > first else { continue }
        append(RemoteRun(address: first, pageCount: Int((last - first) / Self.pageSize)), to: &found)
      }
      guard reached > from else { break }
      from = reached
    }
    return found
  }

  private func listed(_ start: UInt64, _ end: UInt64, _ limit: Int) throws(SystemError) -> [RemoteRun] {
    var found: [RemoteRun] = []
    var from = start
    while from < end && found.count <= limit {
      let pages = Int(min((end - from) / Self.pageSize, limit == 1 ? 64 : 1 << 15))
      var words = [UInt64](repeating: 0, count: pages)
      let bytes = try file.read(at: from / Self.pageSize * 8, into: &words)
      guard bytes >= 8 else { throw SystemError(ESRCH) }
      for page in 0..<bytes / 8 where words[page] & Word.present != 0 && (withFiles || words[page] & Word.file == 0) {
        append(RemoteRun(address: from + UInt64(page) * Self.pageSize, pageCount: 1), to: &found)
      }
      from += UInt64(bytes / 8) * Self.pageSize
    }
    return found.count > limit ? Array(found[..<limit]) : found
  }

  private func append(_ run: RemoteRun, to runs: inout [RemoteRun]) {
    guard let last = runs.last, last.address + UInt64(last.pageCount) * Self.pageSize == run.address else { return runs.append(run) }
    runs[runs.count - 1] = RemoteRun(address: last.address, pageCount: last.pageCount + run.pageCount)
  }
}
