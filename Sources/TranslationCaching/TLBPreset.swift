/// A TLB geometry with a name and the source of its numbers.
public struct TLBPreset: Sendable {
  /// What options and scenarios call it.
  public let name: String
  /// What it consists of.
  public let geometry: TLBGeometry
  /// Where the figures come from, and which are assumed.
  public let source: String

  private init(_ name: String, _ text: String, walkCaches: WalkCacheGeometry = .typical, source: String) {
    guard var geometry = try? TLBGeometry(structures: text) else { preconditionFailure("preset \(name) is malformed") }
    geometry.walkCaches = walkCaches
    self.name = name
    self.geometry = geometry
    self.source = source
  }

  private static let assumptions = "true LRU and the sizes of the walk caches are assumed"

  /// The sizes of the golden counts that the TLB is tested against; no walk caches.
  public static let golden = TLBPreset(
    "golden", "l1i=32x32,l1d=64x4,l2=1536x6", walkCaches: .none,
    source: "the geometry of published simulators' reference counts; no processor's")

  /// 128 instruction, 64 data and 1024 second-level entries; 1 GiB pages in the first level of data only.
  public static let haswellLike = TLBPreset(
    "haswell-like", "l1i-4k=128x4,l1i-2m=8x8,l1d-4k=64x4,l1d-2m=32x4,l1d-1g=4x4,l2-4k+2m=1024x8",
    source: "Intel 64 and IA-32 Architectures Optimization Reference Manual, Haswell, one thread's share; \(assumptions)")

  /// 128 instruction, 64 data and 1536 second-level entries, 16 of 1 GiB beside them.
  public static let skylakeLike = TLBPreset(
    "skylake-like", "l1i-4k=128x8,l1i-2m=8x8,l1d-4k=64x4,l1d-2m=32x4,l1d-1g=4x4,l2-4k+2m=1536x12,l2-1g=16x4",
    source: "Intel 64 and IA-32 Architectures Optimization Reference Manual, Skylake client, one thread's share; \(assumptions)")

  /// 64 entries of every size in each first level, 512 and 2048 in second levels of their own; 1 GiB pages are cut to 2 MiB there.
  public static let zen2Like = TLBPreset(
    "zen2-like", "l1i=64x64,l1d=64x64,l2i-4k+2m=512x8,l2d-4k+2m=2048x16",
    source: "sizes as WikiChip (Zen 2, memory subsystem) and 7-cpu.com (Zen2) give them; 16 ways of the second level of data are assumed, "
      + "since the 12 that WikiChip names do not divide 2048, and so is that it holds no page directory entries; \(assumptions)")

  /// 48 entries in each first level, no 1 GiB ones, and 1280 of every size.
  public static let cortexA76Like = TLBPreset(
    "cortex-a76-like", "l1i-4k+2m=48x48,l1d-4k+2m=48x48,l2=1280x5",
    source:
      "Arm Cortex-A76 Core Technical Reference Manual, A5.2 TLB organization, for the sizes that x86-64 has too; its second level also holds "
      + "results of walks, here in caches of their own; \(assumptions)")

  /// Every preset, in the order in which lists show them.
  public static let all: [TLBPreset] = [golden, skylakeLike, haswellLike, zen2Like, cortexA76Like]
}
