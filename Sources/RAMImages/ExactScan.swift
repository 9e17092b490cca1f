public import PageSharing

/// What the exact scanner found.
public struct ExactScan: Sendable {
  /// One input's own pages, whatever the others hold.
  public struct Input: Hashable, Sendable {
    /// The input's name.
    public let name: String
    /// Its pages.
    public let pages: UInt64
    /// All-zero pages among them.
    public let zeroPages: UInt64
    /// Different contents among them, the zero page included.
    public let distinctPages: UInt64
    /// Bytes of the input that belong to no whole, aligned page of the size asked for; they are not counted.
    public let bytesLeftOut: UInt64
    /// Pages of a live process that were there when it was listed and gone when they were read; they are not counted.
    public let pagesVanished: UInt64
  }

  /// What two pages were compared by.
  public enum Comparison: String, Sendable {
    /// Every byte of both.
    case bytes
    /// Their identities in one trace, which somebody else determined by their bytes.
    case identities
    /// 128-bit hashes: two different pages are taken for equal once in 2^128 pairs.
    case fingerprints
  }

  /// The inputs, in the order given.
  public let inputs: [Input]
  /// All inputs together.
  public let totals: SharingBreakdown
  /// Pages that repeat one byte from the first to the last, zero pages included; nil where the inputs do not tell.
  public let singleBytePages: UInt64?
  /// What pages were compared by.
  public let compared: Comparison
  /// Bytes in a page.
  public let pageSize: Int
  /// Wall time, in seconds.
  public let seconds: Double

  /// Memory scanned in a second: pages times their size over the time. For identities and fingerprints, the memory that they stand for.
  public var bytesPerSecond: Double { seconds > 0 ? Double(totals.pages) * Double(pageSize) / seconds : 0 }
}

extension ExactScan {
  /// The sums of what was counted of each input.
  init(_ inputs: [Input], _ tallies: [ExactScanner.Tally], _ compared: Comparison, pageSize: Int, seconds: Double) {
    func sum(_ field: KeyPath<ExactScanner.Tally, UInt64>) -> UInt64 { tallies.reduce(0) { $0 + $1[keyPath: field] } }
    self.inputs = inputs
    totals = SharingBreakdown(pages: sum(\.pages), zeroPages: sum(\.zero), savedSelf: sum(\.again), savedInter: sum(\.elsewhere))
    singleBytePages = compared == .bytes ? sum(\.singleByte) : nil
    self.compared = compared
    self.pageSize = pageSize
    self.seconds = seconds
  }
}
