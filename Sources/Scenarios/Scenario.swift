public import Addressing
public import Guests
public import Machine
public import PageSharing
public import Translation

/// A validated plan of a run: what a scenario file says, with every default filled in.
public struct Scenario: Hashable, Sendable {
  /// The name, also of the folder that a run writes into by default.
  public var name: String
  /// What it shows, for people.
  public var description: String
  /// From which all randomness derives.
  public var seed: UInt64
  /// How long it runs, in nanoseconds of virtual time.
  public var durationNanoseconds: UInt64
  /// How often the state is sampled, in nanoseconds of virtual time.
  public var sampleNanoseconds: UInt64
  /// How often a window of accesses at full resolution is taken, in nanoseconds of virtual time.
  public var windowNanoseconds: UInt64
  /// Accesses of each guest in a window.
  public var windowAccesses: Int
  /// The host.
  public var host: HostSpec
  /// The page sharer.
  public var sharing: SharingSpec
  /// The division of memory.
  public var overcommit: OvercommitSpec
  /// How often all guests are captured, in nanoseconds of virtual time.
  public var captureNanoseconds: UInt64 = 10_000_000_000
  /// How many times; 0 for none.
  public var captureCount: Int = 0
  /// The virtual machines, in order of creation.
  public var vms: [VMSpec]
  /// What must hold at the end of the run; with variants, of each, or between them where it names variants.
  public var expectations: [Expectation]
  /// Other settings of the same scenario to race against each other; none in most scenarios, and in the plan of a variant.
  public var variants: [VariantSpec] = []
}

/// A variant of a scenario: the same with some values changed.
public struct VariantSpec: Hashable, Sendable {
  /// The name, unique among the variants, also of the folder that its files go into.
  public var name: String
  /// What it shows, for people.
  public var description: String
  /// The values that it changes, in order.
  public var settings: [VariantSetting]
  /// What must hold of its own summary, beside what must hold of every variant's.
  public var expectations: [Expectation]

  /// All fields.
  public init(name: String, description: String, settings: [VariantSetting], expectations: [Expectation]) {
    self.name = name
    self.description = description
    self.settings = settings
    self.expectations = expectations
  }
}

/// A value that a variant changes.
public struct VariantSetting: Hashable, Sendable {
  /// The path as for `--set`: `sharing.scanner`, `vms.web.memory`, `vms.*.paging`.
  public var path: String
  /// The value as a scenario file writes it; a list or fields in brackets or braces.
  public var value: String

  /// A path and a value.
  public init(path: String, value: String) {
    self.path = path
    self.value = value
  }
}

/// The host of a scenario.
public struct HostSpec: Hashable, Sendable {
  /// Physical memory.
  public var memory: ByteSize
  /// The swap device; 0 for none.
  public var swap: ByteSize
  /// The TLB, a preset's name or a geometry such as `l1i=32x32,l1d=64x4,l2=1536x6`.
  public var tlb: String
  /// The cost preset's name.
  public var cost: String
  /// Whether the processor caches entries of tables.
  public var walkCaches = WalkCacheChoice.tlb
  /// How many NUMA nodes its frames lie on, in equal parts.
  public var numaNodes: Int = 1
}

/// Whether a scenario's processor caches entries of tables.
public enum WalkCacheChoice: String, CaseIterable, Sendable {
  /// As the TLB's description says.
  case tlb
  /// Caches of typical sizes, unless the TLB's description gives others.
  case on
  /// None.
  case off
}

/// The page sharer of a scenario.
public struct SharingSpec: Hashable, Sendable {
  /// Which scanner runs.
  public var scanner: ScannerKind
  /// Its knobs, as the scenario gives them; a tuner may set some of them in the run.
  public var ksm: KSMSettings
  /// What sets the knobs in the course of the run.
  public var tuner: TunerKind = .none
  /// The knobs of the scan-time advisor, where that is the tuner.
  public var advisor = ScanTimeAdvisor.Settings()
  /// Whether scanners that know tenants share inside each of them only.
  public var salting = true
  /// The knobs of VMware ESX's page sharer, but for salting.
  public var esx = ESXSettings()
  /// The knobs of the scanner of zero pages.
  public var zeroOnly = ZeroOnlySettings()
  /// The knobs of XLH.
  public var xlh = XLHSettings()
  /// The knobs of the scanner inside domains.
  public var sameVM = SameVMSettings()
  /// The knobs of Difference Engine.
  public var differenceEngine = DifferenceEngineSettings()

  /// The settings of a scanner that draws its random numbers from a seed.
  public func settings(seed: UInt64) -> ScannerSettings {
    var settings = ScannerSettings()
    settings.ksm = ksm
    settings.esx = esx
    settings.esx.isSalted = salting
    settings.zeroOnly = zeroOnly
    settings.xlh = xlh
    settings.sameVM = sameVM
    settings.differenceEngine = differenceEngine
    settings.seed = seed
    return settings
  }
}

/// The policy that divides memory in a scenario.
public struct OvercommitSpec: Hashable, Sendable {
  /// The policy's name: the raw value of a `PolicyKind`.
  public var policy: String
  /// How often it decides, in nanoseconds of virtual time.
  public var everyNanoseconds: UInt64
  /// How much of the host's memory it aims to have in use, in percent.
  public var hostTargetPercent: Int
  /// The most that one decision changes a guest's memory by.
  public var maxChange: ByteSize
}

/// A virtual machine of a scenario.
public struct VMSpec: Hashable, Sendable {
  /// The name, unique in the scenario.
  public var name: String
  /// Its memory.
  public var memory: ByteSize
  /// The least that a policy may leave it with.
  public var minMemory: ByteSize
  /// Its weight against the others.
  public var shares: UInt64
  /// How its addresses are translated.
  public var paging: PagingMode
  /// Whether it has a balloon.
  public var balloon: Bool
  /// Whether its memory is registered with the scanner.
  public var mergeable: Bool
  /// What runs in it.
  public var guest: GuestSpec
  /// To whom it belongs.
  public var tenant = ""
  /// The NUMA node that its memory comes from while there is some, from 0.
  public var numaNode = 0
  /// What can be chosen about the way of paging.
  public var translation = PagingOptions()
  /// Levels of the host's tables for it: 4 or 5.
  public var hostLevels = 4
  /// Whether the host backs it with huge pages.
  public var hugePages = HugePages.never
  /// Whether a scanner may split huge pages at any time; otherwise only while the host's memory is short.
  public var splitsHugeOnMerge = true
  /// How many equal machines this stands for; 1 in every plan that was loaded, where each has its own place.
  public var count = 1
  /// When it boots, in nanoseconds of virtual time.
  public var startNanoseconds: UInt64 = 0
  /// When it is shut down, in nanoseconds of virtual time; nil for never.
  public var stopNanoseconds: UInt64?
}
