internal import Dispatch
internal import Glibc
internal import Synchronization

/// Divides a row of units among threads, a chunk at a time, so that a slow chunk holds up nobody.
enum ParallelChunks {
  /// Calls `body` for every chunk of 0..<count, on several threads at once; stops at the first failure and throws it.
  static func forEach(
    _ count: Int, chunk: Int, threads: Int, _ body: @Sendable (Range<Int>) throws(ImageError) -> Void
  ) throws(ImageError) {
    let next = Atomic<Int>(0)
    let failure = Mutex<ImageError?>(nil)
    let chunks = count / chunk + (count % chunk > 0 ? 1 : 0)
    DispatchQueue.concurrentPerform(iterations: min(threads, max(chunks, 1))) { _ in
      while true {
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard number < chunks else { return }
        do throws(ImageError) {
          try body(number * chunk..<min(count, (number + 1) * chunk))
        } catch {
          failure.withLock { if $0 == nil { $0 = error } }
          next.store(chunks, ordering: .relaxed)
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}

/// How many processors this process may use.
enum ProcessorCount {
  /// At least 1.
  static var available: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
