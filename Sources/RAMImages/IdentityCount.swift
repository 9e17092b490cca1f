internal import Columns

/// The exact count of a trace's own pages, which needs no hash and no comparison: an identity is its content's place in a column.
///
/// The reader has made sure that no identity exceeds the number of pages of its file, so the column is no longer than the trace.
enum IdentityCount {
  /// Counts the inputs if all of them are of one trace whose pages have the size asked for; nil otherwise.
  static func counts(
    of inputs: [MemoryInput], pageSize: Int
  ) throws(ImageError) -> (counts: [ExactScanner.Count], compared: ExactScan.Comparison)? {
    var guests: [(name: String, identities: [UInt32])] = []
    for input in inputs {
      guard case .identities(_, pageSize, let identities) = input.contents else { return nil }
      guests.append((input.name, identities))
    }
    guard !guests.isEmpty, try InputKinds.comparison(of: inputs, pageSize: pageSize) == .identities else { return nil }
    let largest = guests.reduce(0) { max($0, $1.identities.max() ?? 0) }
    // The last guest that held each identity, from 1; 0 where nobody has yet.
    let holders = Column<UInt32>(count: Int(largest) + 1)
    var number: UInt32 = 0
    let counts = guests.map { guest in
      number += 1
      var tally = ExactScanner.Tally()
      tally.count(guest.identities, guest: number, holders)
      return (tally.input(guest.name, bytesLeftOut: 0), tally)
    }
    return (counts, .identities)
  }
}
