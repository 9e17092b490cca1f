internal import Laboratory

/// Numbers that follow from a result and are said in more than one place.
struct RunHighlights {
  /// What sharing saves, in bytes.
  let savedBytes: UInt64
  /// The same as a part of what the guests would use without sharing.
  let savedPercent: String
  /// Host frames that all balloons freed since the start.
  let freedBytes: UInt64
  /// The most that balloons held at any sample.
  let peakHeldBytes: UInt64
  /// The most that was on swap at any sample.
  let peakSwapBytes: UInt64
  /// Pages read back from swap for all machines.
  let swapIns: UInt64
  /// The machine that was slowed down most.
  let slowest: VMSummary?

  init(_ result: RunResult) {
    let saved = result.sharing.savedPages.multipliedReportingOverflow(by: Figure.pageBytes)
    savedBytes = saved.overflow ? .max : saved.partialValue
    let used = [result.host.privateBytes, result.host.sharedBytes, savedBytes].reduce(0.0) { $0 + Double($1) }
    savedPercent = used > 0 ? Wording.fixed(Double(savedBytes) / used * 100, decimals: 1) + "\u{a0}%" : "–"
    swapIns = result.vms.reduce(0) { $0.addingReportingOverflow($1.swapIns).partialValue }
    slowest = result.vms.max { $0.slowdown < $1.slowdown }
    freedBytes = result.vms.reduce(0) { $0.addingReportingOverflow($1.balloonFreedBytes).partialValue }
    var (held, swap) = (result.host.balloonedBytes, result.host.swappedBytes)
    for sample in result.timeline where sample.vm.isEmpty {
      switch (sample.metric, sample.value) {
      case (.balloonedBytes, .count(let count)): held = max(held, count)
      case (.swappedBytes, .count(let count)): swap = max(swap, count)
      default: break
      }
    }
    (peakHeldBytes, peakSwapBytes) = (held, swap)
  }
}
