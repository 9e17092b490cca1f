internal import Addressing
internal import Ballooning
internal import Columns
internal import Guests
internal import Machine
internal import Traces
internal import Translation

/// A guest that runs an access stream, as a run drives it: so many accesses a second of virtual time, each at full resolution.
///
/// Stretches of time end in the middle of batches; what is left of one is carried out in the next stretch. Once the stream ends, or the guest cannot go
/// on with it, the guest is idle.
final class StreamFeed: Guest {
  let vm: VirtualMachine
  let kernel: StreamGuest
  private(set) var balloonQueueFrames: [GuestFrame] = []
  /// Why it could not go on; nil as long as it can.
  private(set) var problem: String?
  /// What was counted up to the end of the warm-up; nil before that.
  private(set) var warm: StreamCounts?

  private let spec: StreamGuestSpec
  private let stream: any AccessStream
  private let batch = AccessBatch(count: AccessBatch.usualCount)
  /// The records of the batch that have not been carried out.
  private var pending = 0..<0
  private var isAtEnd = false
  /// Accesses, in 1/10^9 of one, that a stretch left over.
  private var carried: UInt64 = 0
  /// Accesses that were carried out.
  private var done: UInt64 = 0

  init(vm: VirtualMachine, spec: StreamGuestSpec, stream: any AccessStream, image: ContentSpace, own: ContentSpace) {
    self.vm = vm
    self.spec = spec
    self.stream = stream
    kernel = StreamGuest(vm: vm, options: spec.options, image: image, own: own)
    if spec.warmUp == 0 { warm = StreamCounts() }
  }

  func boot() {
    for _ in 0..<BalloonQueue.framesNeeded {
      if let frame = kernel.takeZeroedFrame() { balloonQueueFrames.append(frame) }
    }
  }

  /// Carries out the accesses of a stretch of time.
  func step(nanoseconds: UInt64, levelPercent: Int) {
    guard vm.isRunning, problem == nil else { return }
    let due = nanoseconds.multipliedFullWidth(by: UInt64(max(0, spec.accessesPerSecond)))
    let (whole, rest) = (UInt128(due.high) << 64 + UInt128(due.low) + UInt128(carried)).quotientAndRemainder(dividingBy: 1_000_000_000)
    carried = UInt64(rest)
    var left = UInt64(clamping: whole)
    while left > 0, problem == nil, vm.isRunning {
      if pending.isEmpty, !refill() { return }
      let most = warm == nil ? min(left, spec.warmUp - done) : left
      let (range, accesses) = next(most: most)
      do throws(StreamGuestError) { try kernel.run(batch, in: range) } catch { problem = error.description }
      pending = range.upperBound..<pending.upperBound
      done += accesses
      left -= min(left, accesses)
      if warm == nil, done >= spec.warmUp { warm = counts }
    }
  }

  /// The records from the first pending one on that hold at most so many accesses, and how many they hold.
  private func next(most: UInt64) -> (Range<Int>, UInt64) {
    var end = pending.lowerBound
    var accesses: UInt64 = 0
    while end < pending.upperBound && accesses < most {
      if !batch[end].isEvent { accesses += 1 }
      end += 1
    }
    return (pending.lowerBound..<end, accesses)
  }

  private func refill() -> Bool {
    guard !isAtEnd else { return false }
    do throws(TraceError) { pending = 0..<(try stream.fill(batch)) } catch { problem = error.description }
    isAtEnd = pending.isEmpty
    return !isAtEnd
  }

  /// Everything that has been counted of it.
  var counts: StreamCounts {
    StreamCounts(counters: vm.translator.counters, deviceExits: vm.deviceExits, kernel: kernel.counts)
  }

  /// What has been counted since the warm-up; nothing before that.
  var measured: StreamCounts? { warm.map { counts.since($0) } }

  func window(accesses: Int) {}

  func storm() {}

  var statistics: GuestMemoryStatistics {
    var statistics = GuestMemoryStatistics()
    statistics.free = kernel.freePages
    statistics.anonymous = kernel.programPages
    statistics.faults = kernel.counts.pageFaults
    return statistics
  }

  func takePageForBalloon() -> GuestFrame? { kernel.takeFrame() }
  func returnPageFromBalloon(_ frame: GuestFrame) { kernel.returnFrame(frame) }
}

/// What is counted of a guest that runs a stream.
struct StreamCounts {
  var counters = TranslationCounters()
  var deviceExits = ExitCounts()
  var kernel = StreamGuestCounts()

  func since(_ earlier: StreamCounts) -> StreamCounts {
    StreamCounts(
      counters: counters.since(earlier.counters), deviceExits: deviceExits.since(earlier.deviceExits),
      kernel: kernel.since(earlier.kernel))
  }
}
