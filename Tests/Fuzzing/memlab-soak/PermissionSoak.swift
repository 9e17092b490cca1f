import Foundation
import Synchronization
import TestSupport
import TranslationFuzzing

/// Combinations of the public access test, in one way of paging after the other, each in slices.
struct PermissionSoak {
  /// How many combinations a slice spans: a trap leaves so many to look through.
  private static let span = 1 << 16
  private let options: SoakOptions

  init(_ options: SoakOptions) { self.options = options }

  /// - Returns: whether all are as the rule says.
  func run() -> Bool {
    var isGood = true
    for way in options.modes where !check(way) { isGood = false }
    return isGood
  }

  private func check(_ way: FuzzWay) -> Bool {
    let start = ContinuousClock.now
    let options = options
    let combinations = Atomic(0)
    let refused = Atomic(0)
    let different = Atomic(0)
    let slices = (max(options.end - options.first, 0) + Self.span - 1) / Self.span
    Workers.run(options.workers, count: slices) { worker, slice in
      let start = options.first + slice * Self.span
      let end = min(start + Self.span, options.end)
      Watch.begin(worker, "permissions --modes \(way.rawValue) --stride \(options.stride) --first \(start) --end \(end)")
      // A slice begins where the stride from 0 comes first.
      let first = (start + options.stride - 1) / options.stride * options.stride
      var result = (count: 0, refused: 0, difference: String?.none)
      do {
        let guest = try PermissionGuest(way)
        result = guest.check(Swift.stride(from: first, to: end, by: options.stride))
        if !guest.finish() && result.difference == nil { result.difference = "frames are kept after the end" }
      } catch {
        result.difference = "\(error)"
      }
      combinations.add(result.count, ordering: .relaxed)
      refused.add(result.refused, ordering: .relaxed)
      guard let difference = result.difference else { return true }
      different.add(1, ordering: .relaxed)
      Workers.say("\(way.rawValue): \(difference)")
      return false
    }
    let (checked, wrong) = (combinations.load(ordering: .relaxed), different.load(ordering: .relaxed))
    let kept = refused.load(ordering: .relaxed)
    Workers.say(
      "permissions, \(way.rawValue): \(checked) combinations, \(wrong) different, "
        + (kept == 0 ? "" : "\(kept) of them rightly refused to the guest, ") + Workers.seconds(since: start))
    return wrong == 0
  }
}
