import Foundation
import Synchronization
import TestSupport
import TranslationFuzzing

/// All combinations of the public access test, in one way of paging after the other, each in slices.
struct PermissionSoak {
  private static let slices = 16
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
    let total = PermissionEnumeration.count
    let combinations = Atomic(0)
    let different = Atomic(0)
    let stride = options.stride
    Workers.run(options.workers, count: Self.slices) { slice in
      // A slice begins where the stride from 0 comes first.
      let first = (total / Self.slices * slice + stride - 1) / stride * stride
      let end = slice == Self.slices - 1 ? total : total / Self.slices * (slice + 1)
      var result = (count: 0, difference: String?.none)
      do {
        let guest = try PermissionGuest(way)
        result = guest.check(Swift.stride(from: first, to: end, by: stride))
        if !guest.finish() && result.difference == nil { result.difference = "frames are kept after the end" }
      } catch {
        result.difference = "\(error)"
      }
      combinations.add(result.count, ordering: .relaxed)
      guard let difference = result.difference else { return true }
      different.add(1, ordering: .relaxed)
      Workers.say("\(way.rawValue): \(difference)")
      return false
    }
    let (checked, wrong) = (combinations.load(ordering: .relaxed), different.load(ordering: .relaxed))
    Workers.say("permissions, \(way.rawValue): \(checked) combinations, \(wrong) different, \(Workers.seconds(since: start))")
    return wrong == 0
  }
}
