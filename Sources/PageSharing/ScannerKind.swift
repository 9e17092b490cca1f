/// The page sharers that there are: the registry. A case, a class in a file of its own, and a line in `makeScanner`.
public enum ScannerKind: String, CaseIterable, Sendable {
  /// No sharing.
  case none
  /// Linux KSM.
  case ksm
  /// VMware ESX.
  case esx
  /// Ultra KSM.
  case uksm
  /// KSM's scan with hints from the block layer.
  case xlh
  /// Pages read from one block, without a scan.
  case satori
  /// Pages of zeros and nothing else.
  case zeroOnly = "zero-only"
  /// Linux KSM inside each virtual machine.
  case sameVM = "same-vm"
  /// VUsion: sharing whose side channels are closed.
  case vusion
  /// Difference Engine: sharing, patching and compression.
  case differenceEngine = "difference-engine"

  /// What it does, in a line.
  public var summary: String {
    switch self {
    case .none: "no sharing"
    case .ksm: "Linux KSM, scan by scan, with the kernel's counters"
    case .esx: "VMware ESX: random pages, hashes as hints, write protection only on a match, sharing inside a tenant"
    case .uksm: "UKSM: sampled hashes, and most of the time for regions whose samples merge"
    case .xlh: "XLH: pages just read from a disk are looked at first, beside the linear scan of KSM"
    case .satori: "Satori: pages read from the same block of an image are shared at once, without a scan"
    case .zeroOnly: "pages of zeros are mapped to the zero page, and nothing else is shared"
    case .sameVM: "Linux KSM inside each virtual machine or tenant, with nothing shared across"
    case .vusion: "VUsion: idle pages trap at every access, shared or not, and get random frames"
    case .differenceEngine: "Difference Engine: equal pages shared, similar idle ones patched, others compressed"
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
    case .uksm: UKSMScanner(settings: settings.uksm, memory: memory, seed: settings.seed, capacity: capacity, frameCount: frameCount)
    case .xlh: XLHScanner(settings: settings.xlh, memory: memory, capacity: capacity, frameCount: frameCount)
    case .satori: SatoriScanner(memory: memory, capacity: capacity, frameCount: frameCount)
    case .zeroOnly: ZeroOnlyScanner(settings: settings.zeroOnly, memory: memory, capacity: capacity)
    case .sameVM: SameVMScanner(settings: settings, memory: memory, capacity: capacity, frameCount: frameCount, numaNodes: numaNodes)
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
  /// VMware ESX's.
  public var esx = ESXSettings()
  /// UKSM's.
  public var uksm = UKSMSettings()
  /// XLH's.
  public var xlh = XLHSettings()
  /// The scanner of zero pages'.
  public var zeroOnly = ZeroOnlySettings()
  /// The scanner inside domains'; KSM's knobs hold in each of them.
  public var sameVM = SameVMSettings()
  /// Difference Engine's.
  public var differenceEngine = DifferenceEngineSettings()
  /// From which scanners that draw random numbers derive them.
  public var seed: UInt64 = 1

  /// The defaults.
  public init() {}
}
