import Foundation
import TestSupport
import Testing
import TranslationFuzzing

@Suite struct PermissionTests {
  /// Every so many combinations: a prime, so that no flag's period divides it. `make soak` goes through all of them in a release build.
  static let stride: Int = {
    #if DEBUG
      return 30011
    #else
      return 61
    #endif
  }()

  @Test(
    "Outcome, error code and the guest's A and D bits are those of the rule, for combinations of the public access test, in every way of paging",
    arguments: FuzzWay.allCases)
  func combinations(way: FuzzWay) throws {
    let guest = try PermissionGuest(way)
    let (count, _, difference) = guest.check(Swift.stride(from: 0, to: PermissionEnumeration.count, by: Self.stride))
    #expect(difference == nil && count == (PermissionEnumeration.count + Self.stride - 1) / Self.stride)
    #expect(guest.finish(), "every frame is given back")
  }
}
