internal import Laboratory

/// The tables of a run that stand beside its summary as CSV files.
enum ResultTables {
  /// Every sample, long: a metric of a virtual machine (of the host, where `vm` is empty) at a moment.
  ///
  /// A long run has millions of samples, so the table is handed out in pieces of about a mebibyte.
  static func timeline(_ result: RunResult, to write: (String) throws -> Void) rethrows {
    var text = "t_ns,vm,metric,value\n"
    for sample in result.timeline {
      CSVTable.append([String(sample.timeNanoseconds), sample.vm, sample.metric.rawValue, sample.value.field], to: &text)
      guard text.utf8.count >= 1 << 20 else { continue }
      try write(text)
      text.removeAll(keepingCapacity: true)
    }
    try write(text)
  }

  /// A row for each virtual machine at the end of the run. Each reason of an exit that any of them had is a column `exits_…`.
  static func vms(_ result: RunResult) -> CSVTable {
    let reasons = exitReasons(result)
    var table = CSVTable(["name", "paging"] + VMSummary.columns.map(\.name) + reasons.map { "exits_\($0)" })
    for vm in result.vms {
      table.append([vm.name, vm.paging] + vm.columnValues.map(\.field) + reasons.map { String(vm.exitCount($0)) })
    }
    return table
  }

  /// What each metric of the timeline measures, in which unit, and of what.
  static func metrics(_ result: RunResult) -> CSVTable {
    let scopes = scopes(of: result.timeline)
    var table = CSVTable(["name", "unit", "scope", "definition"])
    for metric in Metric.allCases {
      table.append([metric.rawValue, metric.unit, scopes[metric]?.text ?? Scope().text, metric.meaning])
    }
    return table
  }

  /// The reasons of exits over all virtual machines, in the order in which they first appear.
  static func exitReasons(_ result: RunResult) -> [String] {
    var reasons: [String] = []
    for exit in result.vms.flatMap(\.exits) where !reasons.contains(exit.reason) { reasons.append(exit.reason) }
    return reasons
  }

  /// Of what a metric was sampled.
  struct Scope {
    /// Whether of the host.
    var host = false
    /// Whether of virtual machines.
    var vm = false

    /// The scope in a table.
    var text: String {
      switch (host, vm) {
      case (true, true): "host and vm"
      case (true, false): "host"
      case (false, true): "vm"
      case (false, false): "not sampled"
      }
    }
  }

  /// Of what each metric was sampled in this run.
  static func scopes(of timeline: [Sample]) -> [Metric: Scope] {
    var scopes: [Metric: Scope] = [:]
    for sample in timeline {
      if sample.vm.isEmpty {
        scopes[sample.metric, default: Scope()].host = true
      } else {
        scopes[sample.metric, default: Scope()].vm = true
      }
    }
    return scopes
  }
}

extension VMSummary {
  /// How often it left for a reason.
  func exitCount(_ reason: String) -> UInt64 { exits.first { $0.reason == reason }?.count ?? 0 }
}
