public import Addressing
internal import Columns

/// # Ballooning: a guest hands memory back, page by page
///
/// A hypervisor cannot know which of a guest's pages the guest could do without, so it asks. The *device* (on the host) sets a target,
/// `num_pages`; the *driver* (in the guest) allocates pages like any other kernel code, which makes the guest choose, and puts their page
/// numbers into the inflate queue; the device drops the frames behind them. Deflation goes the other way through another queue. The two
/// know each other only through the configuration space, queues of bytes in guest memory, notifications and interrupts.
///
/// The invariant: the device's own bit of a page is set exactly from the discard that the hypervisor accepted to the deflation (or reset)
/// that it was told of, so every page is discarded once and restored once, whatever a guest writes. Nothing that the
/// guest claims is used in its place: `actual` is reported as a claim, a number that is out of range, repeated or not in the balloon is
/// refused and counted, and a queue that breaks the rules is not served any more until a reset.
///
/// What it does not promise: that a page in the balloon is not backed. A guest that touches one gets a zero page behind the device's
/// back (that is how memory returns without MUST_TELL_HOST); and a discarded page frees a host frame only if it had one to itself.
/// `BalloonCounters` tells the three outcomes apart.
///
/// Page numbers are guest physical addresses shifted right by 12, whatever the guest's page size, as 32-bit words: at most 16 TiB.
public final class BalloonDevice<Memory: GuestMemory, Backend: BalloonBackend>: BalloonTransport {
  // Whoever makes a device owns it and outlives it; a machine that is its device's memory must not be kept alive by it.
  private unowned let memory: Memory
  private unowned let backend: Backend
  /// How many 4 KiB pages the guest has: page numbers from here on are refused.
  public let pageCount: UInt64
  /// What the device offers.
  public let offeredFeatures: BalloonFeatures
  /// Whether FEATURES_OK is refused to a driver that does not accept MUST_TELL_HOST (virtio 1.2, 5.5.3.2: a device may).
  public let requiresMustTellHost: Bool

  /// What has been done and refused so far. A reset does not clear it.
  public private(set) var counters = BalloonCounters()
  /// How many pages are in the balloon by the device's own bits.
  public private(set) var balloonedPages: UInt64 = 0
  /// The guest's latest report; nil before the first.
  public private(set) var statistics: BalloonStatistics?

  /// What the driver accepted.
  public private(set) var acceptedFeatures: BalloonFeatures = []
  /// The status register.
  public private(set) var status: DeviceStatus = []
  /// The configuration space.
  public private(set) var configuration = BalloonConfiguration()

  private let ballooned: BitColumn
  private var queues: [VirtqueueDevice?]
  private var kicked: UInt8 = 0
  private var interrupts: InterruptStatus = []
  private var chain = DescriptorChain()
  private var numbers: [UInt32] = []
  private var ranges: [FrameRange] = []
  private var heldStatisticsBuffer: UInt16?

  /// The most page numbers that are read from one buffer: a page full of them, four times what Linux sends. The limit keeps a guest from
  /// making one notification cost the host without bound.
  public static var maximumNumbersPerBuffer: Int { 1024 }
  /// The most entries that are read from one report; further ones are ignored.
  static var maximumStatisticsEntries: UInt64 { 64 }

  /// A device for a guest of `pageCount` pages (at most 2^32 count), which has reset itself and waits for a driver.
  public init(
    memory: Memory, backend: Backend, pageCount: UInt64,
    features: BalloonFeatures = [.mustTellHost, .statisticsQueue, .deflateOnOutOfMemory], requiresMustTellHost: Bool = false
  ) {
    self.memory = memory
    self.backend = backend
    self.pageCount = min(pageCount, 1 << 32)
    offeredFeatures = features
    self.requiresMustTellHost = requiresMustTellHost
    ballooned = BitColumn(count: Int(self.pageCount))
    queues = Array(repeating: nil, count: BalloonQueue.allCases.count)
  }

  // MARK: The host's side

  /// Sets how many pages the host wants in the balloon, at most all of the guest's, and interrupts.
  public func setTarget(pages: UInt32) {
    configuration.numPages = UInt32(min(UInt64(pages), min(pageCount, UInt64(UInt32.max))))
    interrupts.insert(.configurationChange)
  }

  /// How many pages the driver says are in the balloon: a claim, to be compared with `balloonedPages`.
  public var actualPages: UInt32 { configuration.actual }

  /// Whether a page is in the balloon by the device's own bit; false for pages that the guest does not have.
  public func isBallooned(_ frame: GuestFrame) -> Bool { frame.rawValue < pageCount && ballooned[frame.index] }

  /// What the guest did wrong with a queue; nil while it works or where there is none.
  public func fault(of queue: BalloonQueue) -> VirtqueueFault? { queues[Int(queue.rawValue)]?.fault }

  /// Serves every queue that was notified since the last call.
  public func handleKick() {
    let pending = kicked
    kicked = 0
    for queue in BalloonQueue.allCases where pending >> queue.rawValue & 1 == 1 {
      switch queue {
      case .inflate: processInflate()
      case .deflate: processDeflate()
      case .statistics: processStatistics()
      }
    }
  }

  /// Serves the inflate queue: discards the pages that it names.
  public func processInflate() {
    serve(.inflate) { queue in
      guard gatherNumbers(&queue) else { return false }
      counters.duplicates += UInt64(FrameRange.compact(&numbers, into: &ranges))
      for range in ranges { discard(range) }
      return queue.push(head: chain.head, written: 0, to: memory)
    }
  }

  /// Serves the deflate queue: gives the pages that it names back to the guest.
  public func processDeflate() {
    serve(.deflate) { queue in
      guard gatherNumbers(&queue) else { return false }
      restoreNumbers()
      return queue.push(head: chain.head, written: 0, to: memory)
    }
  }

  /// Serves the statistics queue: reads the guest's report and keeps its buffer until the next one is wanted.
  public func processStatistics() {
    serve(.statistics) { queue in
      if let held = heldStatisticsBuffer {
        // A driver may have one buffer in the queue; one that adds a second gets the first back, as with Firecracker.
        heldStatisticsBuffer = nil
        guard queue.push(head: held, written: 0, to: memory) else { return false }
      }
      guard readStatistics(&queue) else { return false }
      heldStatisticsBuffer = chain.head
      return true
    }
  }

  /// Asks the guest for a report, by giving its last report's buffer back; false if it has made none.
  public func requestStatistics() -> Bool {
    let index = Int(BalloonQueue.statistics.rawValue)
    guard let head = heldStatisticsBuffer, var queue = queues[index] else { return false }
    heldStatisticsBuffer = nil
    let given = queue.push(head: head, written: 0, to: memory)
    finish(&queue, at: index, served: given ? 1 : 0)
    return given
  }

  // MARK: The driver's side

  /// Forgets the driver: no queues, no features, no claim, and every page is the guest's again. The target stays, as with Firecracker.
  public func reset() {
    status = []
    acceptedFeatures = []
    queues = Array(repeating: nil, count: BalloonQueue.allCases.count)
    kicked = 0
    interrupts = []
    heldStatisticsBuffer = nil
    configuration.actual = 0
    configuration.poisonValue = 0
    guard balloonedPages > 0 else { return }
    for index in 0..<Int(pageCount) where ballooned[index] { backend.restore(GuestFrame(index)) }
    ballooned.clear()
    balloonedPages = 0
  }

  /// Sets bits of the status register.
  public func setStatus(_ bits: DeviceStatus) {
    var granted = bits.subtracting(.needsReset)
    if granted.contains(.featuresOK) {
      let canWork = acceptedFeatures.isSubset(of: offeredFeatures) && (!requiresMustTellHost || acceptedFeatures.contains(.mustTellHost))
      if !canWork { granted.remove(.featuresOK) }
    }
    status.formUnion(granted)
  }

  /// Accepts features; without effect after FEATURES_OK.
  public func accept(_ features: BalloonFeatures) {
    guard !status.contains(.featuresOK) else { return }
    acceptedFeatures = features
  }

  /// Places a queue; without effect after DRIVER_OK, or for the statistics queue if it was not accepted.
  public func setQueue(_ number: BalloonQueue, _ queue: Virtqueue) {
    guard !status.contains(.driverOK), number != .statistics || acceptedFeatures.contains(.statisticsQueue) else { return }
    queues[Int(number.rawValue)] = VirtqueueDevice(queue: queue)
  }

  /// Takes the driver's claim of how many pages are in the balloon.
  public func writeActual(_ pages: UInt32) { configuration.actual = pages }

  /// Notes that a queue has new buffers.
  public func notify(_ number: BalloonQueue) { kicked |= 1 << number.rawValue }

  /// Reads and clears the reasons for an interrupt.
  public func takeInterrupts() -> InterruptStatus {
    let taken = interrupts
    interrupts = []
    return taken
  }

  // MARK: Serving

  /// Takes the waiting buffers of a queue one by one, at most as many as it can hold.
  private func serve(_ number: BalloonQueue, _ body: (inout VirtqueueDevice) -> Bool) {
    let index = Int(number.rawValue)
    guard status.isSuperset(of: [.featuresOK, .driverOK]), var queue = queues[index], queue.fault == nil else { return }
    var served: UInt64 = 0
    for _ in 0..<queue.queue.size {
      guard queue.pop(into: &chain, from: memory), body(&queue) else { break }
      served += 1
    }
    finish(&queue, at: index, served: served)
  }

  private func finish(_ queue: inout VirtqueueDevice, at index: Int, served: UInt64) {
    queues[index] = queue
    counters.buffers += served
    if served > 0 && queue.wantsInterrupt(in: memory) { interrupts.insert(.usedBuffer) }
    if queue.fault != nil {
      counters.queueFaults += 1
      status.insert(.needsReset)
      interrupts.insert(.configurationChange)
    }
  }

  /// Reads the page numbers of the current chain before anything is done about one of them: discarding a page could empty the buffer
  /// itself.
  private func gatherNumbers(_ queue: inout VirtqueueDevice) -> Bool {
    numbers.removeAll(keepingCapacity: true)
    for segment in chain.segments {
      guard !segment.isDeviceWritable, segment.length & 3 == 0 else {
        counters.ignoredSegments += 1
        continue
      }
      let count = UInt64(segment.length / 4)
      let memory = memory
      let read = min(count, UInt64(Self.maximumNumbersPerBuffer - numbers.count))
      counters.excess += count - read
      for position in 0..<read {
        guard let number = memory.loadUnaligned32(segment.address.advanced(by: 4 * position)) else {
          return queue.stop(.bufferOutsideMemory)
        }
        numbers.append(number)
      }
    }
    return true
  }

  private func discard(_ range: FrameRange) {
    let backend = backend
    var taken: UInt64 = 0
    for number in range.frames {
      guard number < pageCount else {
        counters.outOfRange += range.frames.upperBound - number
        break
      }
      guard !ballooned[Int(number)] else {
        counters.duplicates += 1
        continue
      }
      switch backend.discard(GuestFrame(number)) {
      case .freedFrame: counters.freedFrames += 1
      case .wasShared: counters.wasShared += 1
      case .wasNotBacked: counters.wasNotBacked += 1
      case .rejected:
        counters.refused += 1
        continue
      }
      ballooned[Int(number)] = true
      taken += 1
    }
    balloonedPages += taken
    if taken > 0 { counters.discardedRanges += 1 }
  }

  private func restoreNumbers() {
    let backend = backend
    var given: UInt64 = 0
    for number in numbers {
      guard UInt64(number) < pageCount else {
        counters.outOfRange += 1
        continue
      }
      guard ballooned[Int(number)] else {
        counters.notBallooned += 1
        continue
      }
      ballooned[Int(number)] = false
      given += 1
      backend.restore(GuestFrame(UInt64(number)))
    }
    balloonedPages -= given
    counters.deflated += given
  }

  private func readStatistics(_ queue: inout VirtqueueDevice) -> Bool {
    var report = BalloonStatistics()
    for segment in chain.segments {
      guard !segment.isDeviceWritable else {
        counters.ignoredSegments += 1
        continue
      }
      let entryBytes = UInt64(BalloonStatistics.entryBytes)
      for entry in 0..<min(UInt64(segment.length) / entryBytes, Self.maximumStatisticsEntries) {
        let address = segment.address.advanced(by: entry * entryBytes)
        guard let tag = memory.loadBytes(address, count: 2), let value = memory.loadBytes(address.advanced(by: 2), count: 8) else {
          return queue.stop(.bufferOutsideMemory)
        }
        guard let known = BalloonStatisticsTag(rawValue: UInt16(truncatingIfNeeded: tag)) else { continue }
        report[known] = value
      }
    }
    statistics = report
    return true
  }
}
