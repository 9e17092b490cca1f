/// The page sharers that there are: the registry. A case, a class in a file of its own, and a line in `makeScanner`.
public enum ScannerKind: String, CaseIterable, Sendable {
  /// No sharing.
  case none
  /// Linux KSM.
  case ksm
  /// VUsion: sharing whose side channels are closed.
  case vusion
  /// Difference Engine: sharing, patching and compression.
  case differenceEngine = "difference-engine"

  /// What it does, in a line.
  public var summary: String {
    switch self {
    case .none: "no sharing"
    case .ksm: "Linux KSM, scan by scan, with the kernel's counters"
    case .vusion: "VUsion: idle pages trap at every access, shared or not, and get random frames"
    case .differenceEngine: "Difference Engine: equal pages shared, similar idle ones patched, others compressed"
    }
  }

  /// A scanner of this kind for a memory; nil for `none`.
  /// - Parameters:
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  @inlinable public func makeScanner<Memory: ScannableMemory>(
    _ settings: ScannerSettings, for memory: Memory, capacity: Int, frameCount: Int
  ) -> (any PageScanner<Memory>)? {
    switch self {
    case .none: nil
    case .ksm: KSMPageScanner(KSMScanner(settings: settings.ksm, capacity: capacity, frameCount: frameCount), memory: memory)
    case .vusion: VUsionScanner(memory: memory, capacity: capacity, frameCount: frameCount)
    case .differenceEngine:
      DifferenceEngine(settings.differenceEngine, memory: memory, capacity: capacity, frameCount: frameCount, seed: settings.seed)
    }
  }
}

/// The knobs of all scanners; each looks at its own.
public struct ScannerSettings: Hashable, Sendable {
  /// Linux KSM's; `pagesToScan` and `sleepNanoseconds` pace every scanner that has no pace of its own.
  public var ksm = KSMSettings()
  /// Difference Engine's.
  public var differenceEngine = DifferenceEngineSettings()
  /// From which scanners that draw random numbers derive them.
  public var seed: UInt64 = 1

  /// The defaults.
  public init() {}
}
