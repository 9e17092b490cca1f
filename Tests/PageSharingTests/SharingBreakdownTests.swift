import Columns
import PageSharing
import Testing

@Suite struct SharingBreakdownTests {
  @Test("Zero, self and inter-guest savings are those of the definition and add up", arguments: 0..<20)
  func definition(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("breakdown")
    let guests = (0..<1 + random.index(below: 4)).map { _ in (0..<random.index(below: 60)).map { _ in random.index(below: 20) } }
    var breakdown = SharingBreakdown()
    for content in 0..<20 {
      let copies = guests.map { guest in UInt64(guest.count { $0 == content }) }.filter { $0 > 0 }
      if content == 0 {
        for count in copies { breakdown.countZeroPages(count) }
      } else if !copies.isEmpty {
        breakdown.countContent(pages: copies.reduce(0, +), guests: UInt64(copies.count))
      }
    }
    let all = guests.flatMap { $0 }
    let zeros = all.count { $0 == 0 }
    let own = guests.reduce(0) { $0 + $1.count { $0 != 0 } - Set($1).subtracting([0]).count }
    #expect(breakdown.pages == UInt64(all.count))
    #expect(breakdown.distinctPages == UInt64(Set(all).count))
    #expect(breakdown.savedPages == UInt64(all.count - Set(all).count))
    #expect(breakdown.savedZero == UInt64(max(zeros - 1, 0)))
    #expect(breakdown.savedSelf == UInt64(own))
    #expect(breakdown.savedZero + breakdown.savedSelf + breakdown.savedInter == breakdown.savedPages)
  }

  @Test("Nothing counted is nothing saved")
  func empty() {
    var breakdown = SharingBreakdown()
    breakdown.countZeroPages(0)
    #expect(breakdown == SharingBreakdown())
    #expect(breakdown.savedPages == 0)
  }
}
