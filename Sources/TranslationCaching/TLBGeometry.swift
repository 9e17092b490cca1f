/// The sizes of a two-level TLB.
public struct TLBGeometry: Hashable, Sendable {
  /// The size of one table.
  public struct Level: Hashable, Sendable {
    /// Entries in all.
    public let entries: Int
    /// Entries a set; as many as there are entries makes a table fully associative.
    public let ways: Int

    /// Sets: a power of two.
    public var sets: Int { entries / ways }

    /// The largest table that is accepted: 2^20 entries.
    public static let maximumEntries = 1 << 20

    /// A table of `entries` in sets of `ways`.
    /// - Throws: where the ways do not divide the entries into a power of two of sets, since sets are chosen by bits of the page number.
    public init(entries: Int, ways: Int) throws(TLBGeometryError) {
      guard entries > 0, ways > 0 else { throw .init("a TLB level needs at least one entry and one way") }
      guard entries <= Level.maximumEntries else {
        throw .init("\(entries) entries are more than a TLB level can have, \(Level.maximumEntries)")
      }
      guard entries % ways == 0 else { throw .init("\(entries) entries are not a whole number of sets of \(ways) ways") }
      guard (entries / ways).nonzeroBitCount == 1 else {
        throw .init("\(entries) entries of \(ways) ways make \(entries / ways) sets, which is not a power of two")
      }
      self.entries = entries
      self.ways = ways
    }
  }

  /// First level, instruction fetches.
  public let l1i: Level
  /// First level, data.
  public let l1d: Level
  /// Second level, shared.
  public let l2: Level

  /// The three tables.
  public init(l1i: Level, l1d: Level, l2: Level) {
    self.l1i = l1i
    self.l1d = l1d
    self.l2 = l2
  }

  /// Reads "l1i=32x32,l1d=64x4,l2=1536x6" (entries x ways, each level once, in any order) or the name of a preset.
  /// - Throws: what is wrong with the text.
  public init(parsing text: String) throws(TLBGeometryError) {
    if let preset = TLBPreset.all.first(where: { $0.name == text }) {
      self = preset.geometry
      return
    }
    var levels: [String: Level] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2 else {
        let names = TLBPreset.all.map(\.name).joined(separator: ", ")
        throw .init("\"\(part)\" is neither LEVEL=ENTRIESxWAYS, such as l1d=64x4, nor a preset (\(names))")
      }
      let name = String(sides[0])
      guard ["l1i", "l1d", "l2"].contains(name) else { throw .init("\"\(name)\" is no TLB level; the levels are l1i, l1d and l2") }
      guard levels[name] == nil else { throw .init("\(name) is given twice") }
      let numbers = sides[1].split(separator: "x", omittingEmptySubsequences: false)
      guard numbers.count == 2, let entries = Int(numbers[0]), let ways = Int(numbers[1]) else {
        throw .init("\"\(sides[1])\" is not ENTRIESxWAYS, such as 64x4")
      }
      do { levels[name] = try Level(entries: entries, ways: ways) } catch { throw .init("\(name): \(error.problem)") }
    }
    guard let l1i = levels["l1i"] else { throw .init("l1i is missing") }
    guard let l1d = levels["l1d"] else { throw .init("l1d is missing") }
    guard let l2 = levels["l2"] else { throw .init("l2 is missing") }
    self.init(l1i: l1i, l1d: l1d, l2: l2)
  }
}

extension TLBGeometry: CustomStringConvertible {
  /// "l1i=32x32,l1d=64x4,l2=1536x6"; `init(parsing:)` reads it back.
  public var description: String {
    "l1i=\(l1i.entries)x\(l1i.ways),l1d=\(l1d.entries)x\(l1d.ways),l2=\(l2.entries)x\(l2.ways)"
  }
}

/// Sizes that make no TLB.
public struct TLBGeometryError: Error, Equatable, CustomStringConvertible {
  /// What is wrong, in words for whoever wrote the text.
  public let problem: String

  init(_ problem: String) { self.problem = problem }

  /// The problem.
  public var description: String { problem }
}
