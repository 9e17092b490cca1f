public import Addressing
public import Guests
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
  /// The virtual machines, in order of creation.
  public var vms: [VMSpec]
  /// What must hold at the end of the run.
  public var expectations: [Expectation]
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
}

/// The page sharer of a scenario.
public struct SharingSpec: Hashable, Sendable {
  /// Which scanner runs.
  public var scanner: ScannerKind
  /// Its knobs.
  public var ksm: KSMSettings
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
}
