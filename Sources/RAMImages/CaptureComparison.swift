internal import Columns
public import PageSharing

/// # Repeated captures: what lasts of the sharing that one snapshot shows
///
/// One snapshot of running guests counts every page that happens to be equal to another at that moment. Pages that change soon break out of
/// the sharing as soon as they were merged, or, as with KSM's checksum, are never merged at all. So one snapshot overstates what can be
/// saved; several of the same guests say by how much: only pages that hold the same content at the same place in *all* captures are
/// counted, as if each capture were the second look of a scanner.
///
/// The captures of one guest list the same pages in the same order: the same addresses. They may be of any kind that can be compared.
///
/// When it may not hold: a page that changed and changed back between two captures counts as stable.
public struct CaptureComparison: Sendable {
  /// One guest over all of its captures.
  public struct Guest: Hashable, Sendable {
    /// The name that its captures have in common.
    public let name: String
    /// Its pages.
    public let pages: UInt64
    /// Of them, those that held the same content in every capture.
    public let stablePages: UInt64
  }

  /// The guests, in the order of their first captures.
  public let guests: [Guest]
  /// Captures of each guest.
  public let count: Int
  /// What all guests share in each capture: first captures together, second captures together, and so on.
  public let snapshots: [SharingBreakdown]
  /// What they share of their stable pages.
  public let stable: SharingBreakdown

  /// Pages of all guests.
  public var pages: UInt64 { guests.reduce(0) { $0 + $1.pages } }
  /// Of them, those that held the same content in every capture.
  public var stablePages: UInt64 { guests.reduce(0) { $0 + $1.stablePages } }

  /// Compares captures.
  /// - Parameters:
  ///   - inputs: the captures, those of one guest in order of time.
  ///   - classes: the classes of these inputs' pages.
  /// - Throws: if there is only one capture of a guest, not as many of each, or those of one guest do not list the same pages.
  public init(_ inputs: [MemoryInput], _ classes: PageClasses) throws(ImageError) {
    precondition(inputs.count == classes.inputs.count, "the classes are those of the inputs")
    let groups = Self.groups(inputs.map(\.name))
    let count = groups.first?.captures.count ?? 0
    for group in groups {
      let captures = group.captures
      guard captures.count >= 2 else {
        throw ImageError(group.name, .incompatible, "it is captured once; to compare captures, name at least two of each guest")
      }
      guard captures.count == count else {
        throw ImageError(
          group.name, .incompatible,
          "it is captured \(captures.count) times and \(groups[0].name) \(count) times: the guests are compared capture by capture")
      }
      for capture in captures where Self.places(inputs[capture]) != Self.places(inputs[captures[0]]) {
        throw ImageError(
          inputs[capture].name, .incompatible,
          "it does not record the same pages as \(inputs[captures[0]].name): captures of one guest have the same addresses")
      }
    }
    for input in classes.inputs where input.vanished > 0 { throw .placesLost(input.name) }
    self.count = count
    var guests: [Guest] = []
    var stable: [[UInt32]] = []
    for group in groups {
      let captures = group.captures.map { classes.inputs[$0].classes }
      let kept = captures[0].indices.filter { page in
        captures[0][page] != PageClasses.absent && captures.allSatisfy { $0[page] == captures[0][page] }
      }
      stable.append(kept.map { captures[0][$0] })
      guests.append(Guest(name: group.name, pages: UInt64(captures[0].count), stablePages: UInt64(kept.count)))
    }
    self.guests = guests
    self.stable = Self.breakdown(stable, classes.classCount)
    snapshots = (0..<count).map { capture in
      Self.breakdown(groups.map { classes.inputs[$0.captures[capture]].classes }, classes.classCount)
    }
  }

  /// Captures by guest. Names that are equal up to their last "." or "@" (`web.t0` and `web.t1`, `db@1` and `db@2`) are of one guest; where
  /// no two are, all inputs are captures of one.
  static func groups(_ names: [String]) -> [(name: String, captures: [Int])] {
    let stems = names.map { name in
      name.lastIndex { $0 == "." || $0 == "@" }.map { String(name[..<$0]) }.flatMap { $0.isEmpty ? nil : $0 } ?? name
    }
    var groups: [(name: String, captures: [Int])] = []
    for (capture, stem) in stems.enumerated() {
      if let place = groups.firstIndex(where: { $0.name == stem }) {
        groups[place].captures.append(capture)
      } else {
        groups.append((stem, [capture]))
      }
    }
    return groups.count == names.count && names.count > 1 ? [(names[0], Array(names.indices))] : groups
  }

  /// Where an input's pages lie.
  private static func places(_ input: MemoryInput) -> [RemoteRun] {
    switch input.contents {
    case .image(let image): image.runs.map { RemoteRun(address: $0.address, pageCount: $0.pageCount) }
    case .process(let process): process.runs
    case .identities(_, _, let identities): [RemoteRun(address: 0, pageCount: identities.count)]
    case .fingerprints(_, let fingerprints): [RemoteRun(address: 0, pageCount: fingerprints.count)]
    }
  }

  private static func breakdown(_ guests: [[UInt32]], _ classCount: Int) -> SharingBreakdown {
    let holders = Column<UInt32>(count: classCount)
    var tally = ExactScanner.Tally()
    for (number, classes) in guests.enumerated() { tally.count(classes, guest: UInt32(number) + 1, holders) }
    return SharingBreakdown(pages: tally.pages, zeroPages: tally.zero, savedSelf: tally.again, savedInter: tally.elsewhere)
  }
}
