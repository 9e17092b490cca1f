/// The knobs of the scanner with hints from the block layer.
public struct XLHSettings: Hashable, Sendable {
  /// Which hint is taken first.
  public enum HintOrder: String, CaseIterable, Hashable, Sendable {
    /// The newest: the paper's bounded circular stack, in which old hints are overwritten and so age by themselves.
    case newestFirst
    /// The oldest.
    case oldestFirst
  }

  /// How many hints are kept; where there is no room, the oldest is lost. (The paper bounds the stack; its size here is assumed.)
  public var hintCapacity = 16384
  /// Which hint is taken first: the paper's stack gives the newest.
  public var hintOrder = HintOrder.newestFirst
  /// After how many nanoseconds a hint is worth nothing any more; 0 for never, as in the paper, whose hints age by being overwritten.
  public var hintLifeNanoseconds: UInt64 = 0
  /// Batches of hints, before ...
  public var hintRuns = 1
  /// ... so many batches of the linear scan: 1 to 1, the paper's default. 0 hint runs are the scan alone.
  public var scanRuns = 1

  /// The defaults.
  public init() {}
}
