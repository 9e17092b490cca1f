import Columns
import PageSharing
import Testing

@Suite struct SharingBreakdownTests {
  @Test("Zero, self and inter-guest savings are those of the definition and add up", arguments: 0..<20)
  func definition(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("breakdown")
    let guests = (0..<1 + random.index(below: 4)).map { _ in (0..<random.index(below: 60)).map { _ in random.index(below: 20) } }
    let all = guests.flatMap { $0 }
    let zeros = all.count { $0 == 0 }
    let own = guests.reduce(0) { $0 + $1.count { $0 != 0 } - Set($1).subtracting([0]).count }
    let inter = (1..<20).reduce(0) { sum, content in sum + max(0, guests.count { $0.contains(content) } - 1) }
    let breakdown = SharingBreakdown(
      pages: UInt64(all.count), zeroPages: UInt64(zeros), savedSelf: UInt64(own), savedInter: UInt64(inter))
    #expect(breakdown.distinctPages == UInt64(Set(all).count))
    #expect(breakdown.savedPages == UInt64(all.count - Set(all).count))
    #expect(breakdown.savedZero == UInt64(max(zeros - 1, 0)))
    #expect(breakdown.savedZero + breakdown.savedSelf + breakdown.savedInter == breakdown.savedPages)
  }

  @Test("Nothing counted is nothing saved")
  func empty() {
    let breakdown = SharingBreakdown(pages: 0, zeroPages: 0, savedSelf: 0, savedInter: 0)
    #expect(breakdown.savedPages == 0 && breakdown.distinctPages == 0 && breakdown.savedZero == 0)
  }
}
