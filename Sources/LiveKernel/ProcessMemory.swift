internal import Files
internal import Glibc
public import PageSharing

/// # LiveKernel: what this machine's own kernel can be asked
///
/// A live process is a guest too: a virtual machine on this host is a process, and its present pages are what KSM would see of it. The
/// kernel shows them in three files: /proc/PID/maps says what is mapped where, /proc/PID/pagemap which pages are present and whether they
/// are anonymous, /proc/PID/mem their bytes. All three are opened once, when the memory is opened. They go on naming the same process even
/// if it ends and its number is given to another.
///
/// The invariant: *looking changes nothing*. Reading an absent page through /proc/PID/mem would make the kernel provide one, so every read
/// asks the pagemap first and stops before a page that is not there.
///
/// When it may not hold: between that question and the read the process runs on. A page that it drops in just that moment comes back as
/// zeros; and a list of pages taken from a running process is no snapshot. Stop the process first (SIGSTOP) where that matters.
public final class ProcessMemory: RemoteMemory {
  /// "pid:4711".
  public let name: String
  /// Bytes in a page: 4096.
  public let pageSize = 4096
  /// The pages that were present when the memory was opened.
  public let runs: [RemoteRun]
  /// What was mapped then.
  public let mappings: [RemoteMapping]

  private let memory: OpenFile
  private let map: PageMap

  /// Lists the present anonymous pages of a process, and with `withFiles` those of files and of shared memory too.
  /// - Throws: if there is no such process, or we may not look into it.
  public init(pid: Int32, withFiles: Bool = false) throws(RemoteMemoryError) {
    name = "pid:\(pid)"
    do throws(SystemError) {
      let maps = try OpenFile("/proc/\(pid)/maps")
      map = PageMap(try OpenFile("/proc/\(pid)/pagemap"), withFiles: withFiles)
      memory = try OpenFile("/proc/\(pid)/mem")
      let lines = try maps.text().split(separator: "\n")
      mappings = lines.compactMap { RemoteMapping(mapsLine: $0) }
      var runs: [RemoteRun] = []
      for mapping in mappings where mapping.holdsMemory && (withFiles || !mapping.isShared) {
        runs += try map.runs(mapping.start, mapping.end)
      }
      self.runs = runs
    } catch { throw Self.failure(error, pid, isOpen: false) }
    guard !mappings.isEmpty else {
      throw RemoteMemoryError(name, .ended, "process \(pid) has no memory: it has ended, or is a thread of the kernel")
    }
  }

  /// Reads an argument of the form "pid:N".
  /// - Throws: also if what follows "pid:" is no process number.
  public convenience init(argument: String, withFiles: Bool = false) throws(RemoteMemoryError) {
    guard argument.hasPrefix("pid:"), let pid = Int32(argument.dropFirst(4)), pid > 0 else {
      throw RemoteMemoryError(argument, .missing, "a process is named by its number, such as pid:4711")
    }
    try self.init(pid: pid, withFiles: withFiles)
  }

  /// Copies bytes of present pages from an address on; the address must be a page's.
  /// - Returns: how many; fewer than asked for where a page is no longer present.
  public func read(at address: UInt64, into target: UnsafeMutableRawBufferPointer) throws(RemoteMemoryError) -> Int {
    do throws(SystemError) {
      let size = UInt64(pageSize)
      let end = (address + UInt64(target.count) + size - 1) / size * size
      guard let run = try map.runs(address, end, limit: 1).first, run.address == address else {
        guard map.isAlive() else { throw SystemError(ESRCH) }
        return 0
      }
      let present = min(target.count, run.pageCount * pageSize)
      var done = 0
      while done < present {
        do throws(SystemError) {
          // SAFETY: the target is the caller's; `read` checks the range against it.
          let count = unsafe try memory.read(at: address + UInt64(done), into: target, range: done..<present)
          guard count > 0 else { throw SystemError(ESRCH) }
          done += count
        } catch {
          guard error.code == EIO || error.code == EFAULT else { throw error }
          return done
        }
      }
      return done
    } catch { throw Self.failure(error, Int32(name.dropFirst(4)) ?? 0, isOpen: true) }
  }

  /// The flags of the frame behind each page of `runs`, in order, as /proc/kpageflags tells now; for a page that is no longer there,
  /// KPF_NOPAGE alone.
  /// - Throws: if the process has ended, or frames are hidden from us: only root with CAP_SYS_ADMIN sees them.
  public func pageFlags() throws(RemoteMemoryError) -> [UInt64] {
    do throws(SystemError) {
      let table = try OpenFile("/proc/kpageflags")
      var flags: [UInt64] = []
      for run in runs {
        for frames in Self.rows(try map.frames(of: run)) {
          guard let first = frames.first else {
            flags.append(Self.noPage)
            continue
          }
          var words = [UInt64](repeating: Self.noPage, count: frames.count)
          _ = try table.read(at: first * 8, into: &words)
          flags += words
        }
      }
      return flags
    } catch {
      let pid = Int32(name.dropFirst(4)) ?? 0
      guard error.code == EPERM || error.code == EACCES else { throw Self.failure(error, pid, isOpen: true) }
      throw RemoteMemoryError(
        name, .denied,
        "which frames its pages are in, and /proc/kpageflags, are shown to root with CAP_SYS_ADMIN only: \(error.description)")
    }
  }

  /// KPF_NOPAGE (include/uapi/linux/kernel-page-flags.h).
  private static let noPage: UInt64 = 1 << 20

  /// Frames that follow one another, to be asked for at once; an empty row for a page that is not there.
  private static func rows(_ frames: [UInt64?]) -> [Range<UInt64>] {
    var rows: [Range<UInt64>] = []
    for frame in frames {
      guard let frame else {
        rows.append(0..<0)
        continue
      }
      if let last = rows.last, !last.isEmpty, last.upperBound == frame {
        rows[rows.count - 1] = last.lowerBound..<frame + 1
      } else {
        rows.append(frame..<frame + 1)
      }
    }
    return rows
  }

  private static func failure(_ error: SystemError, _ pid: Int32, isOpen: Bool) -> RemoteMemoryError {
    let name = "pid:\(pid)"
    if isOpen && error.code == ESRCH { return RemoteMemoryError(name, .ended, "process \(pid) ended while its memory was read") }
    return switch error.code {
    case ENOENT: RemoteMemoryError(name, .missing, "there is no process \(pid)")
    case ESRCH: RemoteMemoryError(name, .ended, "process \(pid) has no memory: it has ended, or is a thread of the kernel")
    case EACCES, EPERM:
      RemoteMemoryError(
        name, .denied, "the memory of process \(pid) may be read by its own user or with CAP_SYS_PTRACE only: \(error.description)")
    default: RemoteMemoryError(name, .failed, "the memory of process \(pid) cannot be read: \(error.description)")
    }
  }
}
