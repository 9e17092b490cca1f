/// Driver and device in turn, with no time between a notification and its answer.
extension BalloonDriver {
  /// Lets the driver step and the device answer until `maxPages` pages have moved, the target is reached, the guest has no page to spare,
  /// or the device has stopped. The device must be the one whose registers the driver was given.
  public func run<Backend>(with device: BalloonDevice<Memory, Backend>, maxPages: Int) -> BalloonStep {
    var total = BalloonStep()
    while true {
      let left = maxPages - total.inflated - total.deflated
      total.add(step(maxPages: left))
      guard isWaiting else { return total }
      device.handleKick()
      let answer = handleInterrupt()
      total.add(answer)
      guard answer.inflated + answer.deflated > 0, !answer.stalled else { return total }
    }
  }

  /// Gives pages back because the guest is out of memory, and lets the device acknowledge at once.
  /// - Returns: how many pages the guest has got.
  public func deflateOnOutOfMemory<Backend>(with device: BalloonDevice<Memory, Backend>, maxPages: Int = 256) -> Int {
    guard deflateOnOutOfMemory(maxPages: maxPages) > 0 else { return 0 }
    device.handleKick()
    return handleInterrupt().deflated
  }
}

extension BalloonStep {
  fileprivate mutating func add(_ other: BalloonStep) {
    inflated += other.inflated
    deflated += other.deflated
    stalled = other.stalled
  }
}
