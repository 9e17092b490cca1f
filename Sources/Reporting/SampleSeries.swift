internal import Laboratory

/// The samples of a run turned from long to wide: for each moment, what each metric was.
struct SampleSeries {
  /// The moments in order, in nanoseconds of virtual time.
  let times: [UInt64]
  private let columns: [Key: [FigureTable.Cell]]

  private struct Key: Hashable {
    let vm: String
    let metric: Metric
  }

  init(_ timeline: [Sample]) {
    var (times, rows) = ([UInt64](), [UInt64: Int]())
    for sample in timeline where times.last != sample.timeNanoseconds { times.append(sample.timeNanoseconds) }
    times = Array(Set(times)).sorted()
    for (row, time) in times.enumerated() { rows[time] = row }
    var columns: [Key: [FigureTable.Cell]] = [:]
    for sample in timeline {
      guard let row = rows[sample.timeNanoseconds] else { continue }
      let key = Key(vm: sample.vm, metric: sample.metric)
      columns[key, default: Array(repeating: .empty, count: times.count)][row] = .value(sample.value)
    }
    (self.times, self.columns) = (times, columns)
  }

  /// The column of moments.
  var timeColumn: FigureTable.Column {
    .init(name: "t_ns", heading: "Virtual time (s)", unit: .time, cells: times.map { .value(.count($0)) })
  }

  /// A metric of the host, or of a virtual machine; nil if it was never sampled.
  func column(_ metric: Metric, vm: String = "", heading: String, unit: FigureTable.Unit) -> FigureTable.Column? {
    guard let cells = columns[Key(vm: vm, metric: metric)] else { return nil }
    return .init(name: vm.isEmpty ? metric.rawValue : "\(vm).\(metric.rawValue)", heading: heading, unit: unit, cells: cells)
  }
}
