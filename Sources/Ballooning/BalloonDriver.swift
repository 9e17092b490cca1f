public import Addressing

/// The driver of a balloon, in the guest; it behaves as Linux's does (drivers/virtio/virtio_balloon.c).
///
/// One buffer of at most 256 page numbers is in flight at a time. A page belongs to the balloon from the acknowledgement of its
/// inflation to that of its deflation: it is not deflated before the one, and not used by the guest before the other, even where
/// MUST_TELL_HOST was not accepted and the guest might use it earlier. If the guest has no page to spare, the driver sends
/// those that it got and is stalled: the target stays, and the next step tries again.
///
/// A step never waits. Queueing and acknowledging are apart, so a laboratory can let any time pass between them; `run(with:maxPages:)` lets
/// none pass.
public final class BalloonDriver<Memory: GuestMemory, Pages: BalloonPageSource> {
  // The guest owns its driver, and the device's owner outlives it: neither may be kept alive from here.
  private unowned let transport: any BalloonTransport
  private unowned let memory: Memory
  private unowned let pages: Pages

  /// What driver and device agreed on.
  public let features: BalloonFeatures
  /// Whether the guest had no page to spare when the balloon last wanted one.
  public private(set) var isStalled = false
  /// How often the driver became stalled.
  public private(set) var stalls: UInt64 = 0
  /// Whether the device wants a report, which `report(_:)` gives.
  public private(set) var isReportWanted = false

  private var inflateQueue: VirtqueueDriver
  private var deflateQueue: VirtqueueDriver
  private var statisticsQueue: VirtqueueDriver?
  private let buffer: GuestPhysicalAddress
  /// The pages in the balloon, the latest last: they leave it in that order, as from Linux's list.
  private var balloon: [UInt32] = []
  private var pending: [UInt32] = []
  private var operation: Operation?

  private enum Operation {
    case inflating, deflating
  }

  /// Page numbers in one buffer: VIRTIO_BALLOON_ARRAY_PFNS_MAX of Linux.
  public static var pagesPerBuffer: Int { 256 }
  /// Descriptors in each queue, which then fits a page; QEMU's number.
  static var queueSize: UInt16 { 128 }
  static var statisticsOffset: UInt64 { 2048 }

  /// Sets a device up: reset, features, queues, DRIVER_OK.
  /// - Parameters:
  ///   - transport: the device's registers.
  ///   - memory: the guest's memory.
  ///   - queueFrames: pages of the guest that are the driver's alone from now on, at least `BalloonQueue.framesNeeded`.
  ///   - pages: the guest's kernel.
  ///   - features: what the driver would accept; of it, only what it implements and the device offers is accepted. PAGE_POISON,
  ///     PAGE_REPORTING and FREE_PAGE_HINT never are: this driver writes no poison value, reports nothing and gives no hints.
  public init(
    transport: any BalloonTransport, memory: Memory, queueFrames: [GuestFrame], pages: Pages,
    features: BalloonFeatures = [.mustTellHost, .statisticsQueue, .deflateOnOutOfMemory]
  ) throws(BalloonDriverError) {
    guard queueFrames.count >= BalloonQueue.framesNeeded else { throw .tooFewQueueFrames(needed: BalloonQueue.framesNeeded) }
    transport.reset()
    transport.setStatus([.acknowledge, .driver])
    let accepted = transport.offeredFeatures.intersection(features).intersection(
      [.mustTellHost, .statisticsQueue, .deflateOnOutOfMemory])
    transport.accept(accepted)
    transport.setStatus(.featuresOK)
    guard transport.status.contains(.featuresOK) else {
      transport.setStatus(.failed)
      throw .featuresRefused
    }
    func place(_ number: BalloonQueue, in frame: GuestFrame) throws(BalloonDriverError) -> VirtqueueDriver {
      guard let queue = try? Virtqueue(size: Self.queueSize, contiguousAt: frame.address),
        let driver = VirtqueueDriver(queue: queue, memory: memory)
      else {
        transport.setStatus(.failed)
        throw .queueOutsideMemory
      }
      transport.setQueue(number, queue)
      return driver
    }
    self.transport = transport
    self.memory = memory
    self.pages = pages
    self.features = accepted
    inflateQueue = try place(.inflate, in: queueFrames[0])
    deflateQueue = try place(.deflate, in: queueFrames[1])
    statisticsQueue = accepted.contains(.statisticsQueue) ? try place(.statistics, in: queueFrames[2]) : nil
    buffer = queueFrames[3].address
    transport.setStatus(.driverOK)
    isReportWanted = statisticsQueue != nil
  }

  /// How many pages are in the balloon: inflated and acknowledged, not yet deflated.
  public var pageCount: Int { balloon.count }

  /// Whether a buffer is in flight: nothing more happens before the device has used it.
  public var isWaiting: Bool { operation != nil }

  /// Whether the device has refused to go on; only `remove()` and a new driver, which resets it, help.
  public var isBroken: Bool { transport.status.contains(.needsReset) }

  /// Takes acknowledgements, then queues the next buffer toward the target, of at most `maxPages` pages.
  public func step(maxPages: Int) -> BalloonStep {
    var step = handleInterrupt()
    advance(maxPages: maxPages)
    step.stalled = isStalled
    return step
  }

  /// Takes acknowledgements: pages that were inflated are now in the balloon, pages that were deflated are now the guest's.
  public func handleInterrupt() -> BalloonStep {
    _ = transport.takeInterrupts()
    var step = BalloonStep()
    if statisticsQueue?.pollUsed(in: memory) != nil { isReportWanted = true }
    switch operation {
    case .inflating:
      guard inflateQueue.pollUsed(in: memory) != nil else { break }
      balloon.append(contentsOf: pending)
      step.inflated = pending.count
      settle()
    case .deflating:
      guard deflateQueue.pollUsed(in: memory) != nil else { break }
      let pages = pages
      for number in pending { pages.returnPageFromBalloon(GuestFrame(UInt64(number))) }
      step.deflated = pending.count
      settle()
    case nil: break
    }
    step.stalled = isStalled
    return step
  }

  private func settle() {
    pending.removeAll(keepingCapacity: true)
    operation = nil
    transport.writeActual(UInt32(clamping: balloon.count))
  }

  private func advance(maxPages: Int) {
    guard operation == nil, !isBroken else { return }
    guard transport.status.contains(.driverOK) else { return }
    let target = Int(transport.configuration.numPages)
    let budget = min(maxPages, Self.pagesPerBuffer)
    if target <= balloon.count { isStalled = false }
    guard budget > 0, target != balloon.count else { return }
    if target > balloon.count {
      inflate(min(budget, target - balloon.count))
    } else {
      deflate(min(budget, balloon.count - target))
    }
  }

  private func inflate(_ count: Int) {
    // Taking a page may make the guest run out of memory and ask the balloon for some: the operation is under way from here.
    operation = .inflating
    let pages = pages
    var failed = false
    while pending.count < count && !failed {
      guard let frame = pages.takePageForBalloon() else {
        failed = true
        break
      }
      if let number = UInt32(exactly: frame.rawValue) {
        pending.append(number)
      } else {
        // A page beyond 16 TiB has no 32-bit number: the balloon cannot hold it.
        pages.returnPageFromBalloon(frame)
        failed = true
      }
    }
    if failed && !isStalled { stalls += 1 }
    isStalled = failed
    if pending.isEmpty {
      operation = nil
    } else if !send(on: &inflateQueue, .inflate) {
      for number in pending { pages.returnPageFromBalloon(GuestFrame(UInt64(number))) }
      pending.removeAll(keepingCapacity: true)
      operation = nil
    }
  }

  private func deflate(_ count: Int) {
    pending.append(contentsOf: balloon.suffix(count))
    guard send(on: &deflateQueue, .deflate) else {
      pending.removeAll(keepingCapacity: true)
      return
    }
    balloon.removeLast(count)
    operation = .deflating
  }

  /// Gives up to `maxPages` pages (256 at most, as Linux's notifier) back although the target wants them, because the guest is out of
  /// memory. The guest has them once the device has acknowledged.
  /// - Returns: how many are on their way: 0 without DEFLATE_ON_OOM, while another buffer is in flight, or from an empty balloon.
  public func deflateOnOutOfMemory(maxPages: Int = 256) -> Int {
    guard features.contains(.deflateOnOutOfMemory), operation == nil, !isBroken else { return 0 }
    let count = min(maxPages, Self.pagesPerBuffer, balloon.count)
    guard count > 0 else { return 0 }
    deflate(count)
    return pending.count
  }

  /// Takes the driver off the device: resets it, by which every page is the guest's again, and gives them all back. The driver is of no
  /// further use; another may take over.
  public func remove() {
    transport.reset()
    operation = nil
    isReportWanted = false
    for number in balloon + pending { pages.returnPageFromBalloon(GuestFrame(UInt64(number))) }
    balloon.removeAll()
    pending.removeAll()
  }

  /// Makes a report available to the device, if it wants one.
  /// - Returns: false if it does not, or has no queue for it.
  public func report(_ statistics: BalloonStatistics) -> Bool {
    guard isReportWanted, statisticsQueue != nil else { return false }
    let base = buffer.advanced(by: Self.statisticsOffset)
    var halves: [UInt16] = []
    for tag in BalloonStatisticsTag.allCases {
      guard let value = statistics[tag] else { continue }
      halves.append(tag.rawValue)
      for part in 0..<4 { halves.append(UInt16(truncatingIfNeeded: value >> (16 * UInt64(part)))) }
    }
    for (index, half) in halves.enumerated() where !memory.store16(half, base.advanced(by: 2 * UInt64(index))) { return false }
    let segment = BufferSegment(address: base, length: UInt32(2 * halves.count), isDeviceWritable: false)
    guard statisticsQueue?.add([segment], to: memory) != nil else { return false }
    isReportWanted = false
    transport.notify(.statistics)
    return true
  }

  private func send(on queue: inout VirtqueueDriver, _ number: BalloonQueue) -> Bool {
    let memory = memory
    for (index, page) in pending.enumerated() where !memory.store32(page, buffer.advanced(by: 4 * UInt64(index))) { return false }
    let segment = BufferSegment(address: buffer, length: UInt32(4 * pending.count), isDeviceWritable: false)
    guard queue.add([segment], to: memory) != nil else { return false }
    transport.notify(number)
    return true
  }
}

/// What a step of the driver did.
public struct BalloonStep: Hashable, Sendable {
  /// Pages whose inflation was acknowledged.
  public var inflated = 0
  /// Pages whose deflation was acknowledged.
  public var deflated = 0
  /// Whether the guest had no page to spare.
  public var stalled = false

  /// Nothing done.
  public init() {}
}

/// Why a driver cannot take charge of a device.
public enum BalloonDriverError: Error, Equatable, Sendable {
  /// It was given fewer pages for its queues than it needs.
  case tooFewQueueFrames(needed: Int)
  /// The guest has no memory at a page that it was given for its queues.
  case queueOutsideMemory
  /// The device refuses to work with the features that the driver accepts.
  case featuresRefused
}
