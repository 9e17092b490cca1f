/// The knobs of Difference Engine.
///
/// The paper's are k = 2, s = 1, c = 1 (two blocks of 64 bytes, each a key of its own, with one candidate each) and half a page as the
/// most that a patch may take (Gupta et al., OSDI 2008; CACM 53(10), 2010, gives 2 KiB).
public struct DifferenceEngineSettings: Hashable, Sendable {
  /// k: keys of a page.
  public var groups = 2
  /// s: blocks of 64 bytes that a key is made of.
  public var blocksPerGroup = 1
  /// c: candidates that are remembered of a key.
  public var candidates = 1
  /// The most bytes that a patch may take.
  public var patchLimit = 2048
  /// The most bytes that a compressed page may take (assumed to be as of patches).
  public var compressLimit = 2048
  /// For how many rounds in a row a page must not be accessed to be patched.
  public var patchAfter: UInt8 = 1
  /// For how many rounds in a row a page must not be accessed to be compressed (the paper: for an extended period; the number is assumed).
  public var compressAfter: UInt8 = 4

  /// The defaults.
  public init() {}

  /// Whether a scanner can be made of these: from 1 to 64 groups, blocks and candidates, results smaller than a page, and at most 62
  /// rounds.
  public var areValid: Bool {
    (1...64).contains(groups) && (1...64).contains(blocksPerGroup) && (1...64).contains(candidates) && (0...4095).contains(patchLimit)
      && (0...4095).contains(compressLimit) && patchAfter >= 1 && compressAfter >= patchAfter && compressAfter <= 62
  }
}
