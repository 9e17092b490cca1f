internal import Addressing

/// # The text of a geometry
///
/// Parts separated by commas, in any order, or the name of a preset:
/// - `PLACE=ENTRIESxWAYS`, a TLB structure: `l1i`, `l1d` (or `l1` for both), `l2` (or `l2i`, `l2d`; may be left out);
/// - `PLACE-SIZES=ENTRIESxWAYS`, one for some page sizes only: `l1d-2m=32x4`, `l2-4k+2m=1536x12`;
/// - `CACHE=ENTRIES` or `CACHE=ENTRIESxWAYS`, a walk cache: `pml5e`, `pml4e`, `pdpte`, `pde` (the guest's tables, or the only ones),
///   `epml5e`, `epml4e`, `epdpte`, `epde` (EPT), `ntlb` (nested TLB); without ways it is fully associative;
/// - `policy=lru|plru|fifo|random`; LRU if nothing is said.
///
/// A structure without sizes holds all those that no other structure of its place names: `l1i=32x32,l1d=64x4,l2=1536x6` is three structures
/// that hold pages of every size side by side. A size that a level has no structure for is cached there in pieces of the next smaller size
/// that it has one for.
extension TLBGeometry {
  /// How a geometry is written, for whoever writes one: sentences.
  public static let grammar = [
    """
    A TLB is a preset's name, or parts separated by commas: PLACE[-SIZES]=ENTRIESxWAYS for each structure, CACHE=ENTRIES[xWAYS] for each cache of walks, \
    and policy=\(ReplacementPolicy.allCases.map(\.rawValue).joined(separator: "|")) (lru if nothing is said).
    """,
    """
    Places are l1i and l1d (or l1 for both), and l2 (or l2i and l2d; the second level may be left out). Sizes are 4k, 2m and 1g, joined by +; a structure \
    without sizes holds all that no other of its place names.
    """,
    """
    Caches are \(WalkCacheGeometry.names.map(\.name).joined(separator: ", ")): e is the host's dimension, ntlb the nested TLB; without ways they are fully \
    associative.
    """,
    "Entries over ways, the sets, are a power of two; under plru the ways are one too, at most 64.",
    """
    For example l1i-4k=128x8,l1i-2m=8x8,l1d-4k=64x4,l1d-2m=32x4,l1d-1g=4x4,l2-4k+2m=1536x12,l2-1g=16x4 or \
    l1=64x64,pml4e=4,pdpte=8,pde=32x4,epde=32,ntlb=16,policy=fifo.
    """,
  ]

  /// Reads a geometry or the name of a preset.
  /// - Throws: what is wrong with the text.
  public init(parsing text: String) throws(TLBGeometryError) {
    if let preset = TLBPreset.all.first(where: { $0.name == text }) {
      self = preset.geometry
      return
    }
    try self.init(structures: text)
  }

  /// Reads a geometry that is no preset's name.
  init(structures text: String) throws(TLBGeometryError) {
    var reader = GeometryReader()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) { try reader.read(part) }
    self = try reader.geometry()
  }

  static func name(_ structure: Structure) -> String {
    guard structure.sizes != .all else { return structure.place.rawValue }
    return structure.place.rawValue + "-" + structure.sizes.sizes.map { $0.description.lowercased() }.joined(separator: "+")
  }
}

extension TLBGeometry: CustomStringConvertible {
  /// "l1i=32x32,l1d=64x4,l2=1536x6"; `init(parsing:)` reads it back.
  public var description: String {
    var parts = structures.map { "\(Self.name($0))=\($0.level.entries)x\($0.level.ways)" }
    for (name, size) in walkCaches.all {
      guard let size else { continue }
      parts.append(size.sets == 1 ? "\(name)=\(size.entries)" : "\(name)=\(size.entries)x\(size.ways)")
    }
    if policy != .lru { parts.append("policy=\(policy.rawValue)") }
    return parts.joined(separator: ",")
  }
}

/// What has been read of a geometry's text.
private struct GeometryReader {
  private var names: Set<String> = []
  private var structures: [(place: TLBGeometry.Place, sizes: PageSizes?, level: TLBGeometry.Level)] = []
  private var walkCaches = WalkCacheGeometry.none
  private var policy = ReplacementPolicy.lru

  mutating func read(_ part: Substring) throws(TLBGeometryError) {
    let sides = part.split(separator: "=", omittingEmptySubsequences: false)
    guard sides.count == 2 else {
      let presets = TLBPreset.all.map(\.name).joined(separator: ", ")
      throw .init("\"\(part)\" is neither LEVEL=ENTRIESxWAYS, such as l1d=64x4, nor a preset (\(presets))")
    }
    let name = String(sides[0])
    guard names.insert(name).inserted else { throw .init("\(name) is given twice") }
    if name == "policy" {
      guard let policy = ReplacementPolicy(rawValue: String(sides[1])) else {
        let all = ReplacementPolicy.allCases.map(\.rawValue).joined(separator: ", ")
        throw .init("\"\(sides[1])\" is no replacement policy; the policies are \(all)")
      }
      self.policy = policy
      return
    }
    if let cache = WalkCacheGeometry.names.first(where: { $0.name == name }) {
      walkCaches[keyPath: cache.path] = try Self.level(name, sides[1], isCache: true)
      return
    }
    let words = name.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let place = TLBGeometry.Place(rawValue: String(words[0])) else {
      let places = TLBGeometry.Place.allCases.map(\.rawValue) + WalkCacheGeometry.names.map(\.name)
      throw .init("\"\(words[0])\" is no TLB level or walk cache; there are \(places.joined(separator: ", "))")
    }
    let sizes: PageSizes? = words.count == 2 ? try Self.sizes(words[1]) : nil
    structures.append((place, sizes, try Self.level(name, sides[1], isCache: false)))
  }

  private static func sizes(_ text: Substring) throws(TLBGeometryError) -> PageSizes {
    var sizes: PageSizes = []
    for word in text.split(separator: "+", omittingEmptySubsequences: false) {
      guard let size = PageSize(word.uppercased()) else { throw .init("\"\(word)\" is no page size; the sizes are 4k, 2m and 1g") }
      guard sizes.insert(PageSizes(size)).inserted else { throw .init("\(word) is given twice in \"\(text)\"") }
    }
    return sizes
  }

  private static func level(_ name: String, _ text: Substring, isCache: Bool) throws(TLBGeometryError) -> TLBGeometry.Level {
    let numbers = text.split(separator: "x", omittingEmptySubsequences: false)
    guard numbers.count == 2 || (isCache && numbers.count == 1), let entries = Int(numbers[0]), let ways = Int(numbers[numbers.count - 1])
    else { throw .init("\"\(text)\" is not ENTRIESxWAYS, such as 64x4" + sizeHint(name, text)) }
    do { return try TLBGeometry.Level(entries: entries, ways: ways) } catch { throw .init("\(name): \(error.problem)") }
  }

  /// Where a size of page belongs, if one was written behind the ways, as in l1d=64x4:4K.
  private static func sizeHint(_ name: String, _ text: Substring) -> String {
    let parts = text.split(maxSplits: 1, whereSeparator: { !$0.isNumber && $0 != "x" })
    guard parts.count == 2, !name.contains("-"), TLBGeometry.Place(rawValue: name) != nil,
      let size = PageSize(parts[1].uppercased())
    else { return "" }
    return "; a structure for pages of one size says so before the =: \(name)-\(size.description.lowercased())=\(parts[0])"
  }

  func geometry() throws(TLBGeometryError) -> TLBGeometry {
    let named = structures.map { structure in
      let others = structures.filter { $0.place == structure.place }.compactMap(\.sizes)
      let rest = PageSizes.all.subtracting(others.reduce([]) { $0.union($1) })
      return TLBGeometry.Structure(structure.place, structure.sizes ?? rest, structure.level)
    }
    return try TLBGeometry(named, policy: policy, walkCaches: walkCaches)
  }
}
