/// One measured number, and the floor that it is compared with.
///
/// A nanosecond of one machine means little on another. So each figure names a floor, something simpler that no implementation could do
/// without, measured in the same process moments before or after; their ratio carries over.
struct Figure {
  /// What a figure must be.
  enum Bound {
    case atMost(Double)
    case atLeast(Double)
    /// At least this part of the floor.
    case atLeastOfFloor(Double)
  }

  /// What was measured, such as "nested walk".
  let name: String
  let value: Double
  /// The unit of value and floor, such as "ns/access".
  let unit: String
  /// What it is compared with.
  let floor: String
  let floorValue: Double
  /// What the value must be; nil where nothing is promised.
  var bound: Bound?

  /// How many times as much as the floor.
  var ratio: Double { floorValue > 0 ? value / floorValue : 0 }

  /// Whether the value is what it must be.
  var holds: Bool {
    switch bound {
    case .atMost(let most): value <= most
    case .atLeast(let least): value >= least
    case .atLeastOfFloor(let least): ratio >= least
    case nil: true
    }
  }
}

/// What a benchmark of one subject yields.
struct Section {
  /// The subject, such as "Translation".
  let title: String
  /// How it was measured, in a sentence or two.
  let method: String
  var figures: [Figure] = []
}

/// A benchmark cannot run here.
struct BenchmarkError: Error, CustomStringConvertible {
  let problem: String
  var description: String { problem }
}
