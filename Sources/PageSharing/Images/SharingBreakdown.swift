/// How much a set of guests can share at most, and where the sharing comes from.
///
/// The count is exact and knows no scanner: it says how many pages would remain if every content were kept once. Its parts follow
/// the literature (Barker et al., ATC 2012): zero pages, sharing inside one guest, and sharing between guests are apart, since only
/// the last needs guests to be placed together.
///
/// A non-zero content held `c_i` times by each of `k` guests saves `sum(c_i - 1)` pages of self-sharing and `k - 1` pages of inter-guest
/// sharing. All zero pages but one are saved as zero pages, whoever holds them. So the three parts always add up:
/// `savedPages = pages - distinctPages = savedZero + savedSelf + savedInter`.
public struct SharingBreakdown: Hashable, Sendable {
  /// Pages counted.
  public let pages: UInt64
  /// Pages of 4096 zero bytes among them.
  public let zeroPages: UInt64
  /// Different contents among them, the zero page included.
  public let distinctPages: UInt64
  /// Pages saved because one guest holds a non-zero content more than once.
  public let savedSelf: UInt64
  /// Pages saved because more than one guest holds a non-zero content.
  public let savedInter: UInt64

  /// What was counted. The parts saved must leave at least one page of what there is.
  public init(pages: UInt64, zeroPages: UInt64, savedSelf: UInt64, savedInter: UInt64) {
    self.pages = pages
    self.zeroPages = zeroPages
    self.savedSelf = savedSelf
    self.savedInter = savedInter
    distinctPages = pages - (zeroPages > 0 ? zeroPages - 1 : 0) - savedSelf - savedInter
  }

  /// Pages saved because they are zero pages: all of them but one.
  public var savedZero: UInt64 { zeroPages > 0 ? zeroPages - 1 : 0 }

  /// Pages saved in all: what would be free if every content were kept once.
  public var savedPages: UInt64 { pages - distinctPages }
}
