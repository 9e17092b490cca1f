/// A TLB geometry with a name and the source of its numbers.
public struct TLBPreset: Sendable {
  /// What options and scenarios call it.
  public let name: String
  /// The sizes.
  public let geometry: TLBGeometry
  /// Where they come from.
  public let source: String

  private init(_ name: String, _ l1i: (Int, Int), _ l1d: (Int, Int), _ l2: (Int, Int), source: String) {
    func structure(_ place: TLBGeometry.Place, _ size: (Int, Int)) throws(TLBGeometryError) -> TLBGeometry.Structure {
      TLBGeometry.Structure(place, .all, try TLBGeometry.Level(entries: size.0, ways: size.1))
    }
    guard let geometry = try? TLBGeometry([structure(.l1i, l1i), structure(.l1d, l1d), structure(.l2, l2)]) else {
      preconditionFailure("preset \(name) is malformed")
    }
    self.name = name
    self.geometry = geometry
    self.source = source
  }

  /// The sizes of the golden counts that the TLB is tested against.
  public static let golden = TLBPreset(
    "golden", (32, 32), (64, 4), (1536, 6), source: "the geometry of published simulators' reference counts; no processor's")

  /// 128 instruction, 64 data and 1536 second-level entries.
  public static let skylakeLike = TLBPreset(
    "skylake-like", (128, 8), (64, 4), (1536, 12),
    source: "Intel 64 and IA-32 Architectures Optimization Reference Manual, Skylake client, 4 KiB entries; true LRU is assumed")

  /// 128 instruction, 64 data and 1024 second-level entries.
  public static let haswellLike = TLBPreset(
    "haswell-like", (128, 4), (64, 4), (1024, 8),
    source: "Intel 64 and IA-32 Architectures Optimization Reference Manual, Haswell, 4 KiB entries; true LRU is assumed")

  /// Every preset, in the order in which lists show them.
  public static let all: [TLBPreset] = [golden, skylakeLike, haswellLike]
}
