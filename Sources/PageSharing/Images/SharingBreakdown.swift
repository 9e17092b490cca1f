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
  public private(set) var pages: UInt64 = 0
  /// Pages of 4096 zero bytes among them.
  public private(set) var zeroPages: UInt64 = 0
  /// Different contents among them, the zero page included.
  public private(set) var distinctPages: UInt64 = 0
  /// Pages saved because one guest holds a non-zero content more than once.
  public private(set) var savedSelf: UInt64 = 0
  /// Pages saved because more than one guest holds a non-zero content.
  public private(set) var savedInter: UInt64 = 0

  /// No pages.
  public init() {}

  /// What somebody else counted. The parts saved must leave at least one page of what there is.
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

  /// Counts further zero pages, of any guest.
  public mutating func countZeroPages(_ count: UInt64) {
    if zeroPages == 0 && count > 0 { distinctPages += 1 }
    zeroPages += count
    pages += count
  }

  /// Counts one non-zero content: how many pages hold it, over all guests, and how many guests hold it at least once.
  ///
  /// Each content is counted once; `guests` is at least 1 and at most `pages`.
  public mutating func countContent(pages count: UInt64, guests: UInt64) {
    precondition(guests >= 1 && guests <= count, "a content is held by at least one guest, and by each at least once")
    pages += count
    distinctPages += 1
    savedSelf += count - guests
    savedInter += guests - 1
  }
}
