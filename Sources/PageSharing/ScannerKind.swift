/// The page sharers that there are: the registry. A case, a class in a file of its own, and a line in `makeScanner`.
public enum ScannerKind: String, CaseIterable, Sendable {
  /// No sharing.
  case none
  /// Linux KSM.
  case ksm
  /// VMware ESX.
  case esx
  /// Pages of zeros and nothing else.
  case zeroOnly = "zero-only"
  /// VUsion: sharing whose side channels are closed.
  case vusion

  /// What it does, in a line.
  public var summary: String {
    switch self {
    case .none: "no sharing"
    case .ksm: "Linux KSM, scan by scan, with the kernel's counters"
    case .esx: "VMware ESX: random pages, hashes as hints, write protection only on a match, sharing inside a tenant"
    case .zeroOnly: "pages of zeros are mapped to the zero page, and nothing else is shared"
    case .vusion: "VUsion: idle pages trap at every access, shared or not, and get random frames"
    }
  }

  /// A scanner of this kind for a memory; nil for `none`.
  /// - Parameters:
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  ///   - numaNodes: how many NUMA nodes it has.
  @inlinable public func makeScanner<Memory: ScannableMemory>(
    _ settings: ScannerSettings, for memory: Memory, capacity: Int, frameCount: Int, numaNodes: Int = 1
  ) -> (any PageScanner<Memory>)? {
    switch self {
    case .none: nil
    case .ksm:
      KSMPageScanner(
        KSMScanner(settings: settings.ksm, capacity: capacity, frameCount: frameCount, numaNodes: numaNodes), memory: memory)
    case .esx: ESXScanner(settings: settings.esx, memory: memory, seed: settings.seed, capacity: capacity, frameCount: frameCount)
    case .zeroOnly: ZeroOnlyScanner(settings: settings.zeroOnly, memory: memory, capacity: capacity)
    case .vusion: VUsionScanner(memory: memory, capacity: capacity, frameCount: frameCount)
    }
  }
}

/// The knobs of all scanners; each looks at its own.
public struct ScannerSettings: Hashable, Sendable {
  /// Linux KSM's; `pagesToScan` and `sleepNanoseconds` pace every scanner that has no pace of its own.
  public var ksm = KSMSettings()
  /// VMware ESX's.
  public var esx = ESXSettings()
  /// The scanner of zero pages'.
  public var zeroOnly = ZeroOnlySettings()
  /// From which scanners that draw random numbers derive them.
  public var seed: UInt64 = 1

  /// The defaults.
  public init() {}
}
