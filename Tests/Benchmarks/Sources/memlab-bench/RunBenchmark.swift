internal import Addressing
internal import Guests
internal import Laboratory
internal import RAMImages
internal import Scenarios

/// A whole run of the quickstart scenario, audited and not.
enum RunBenchmark {
  static func run(scenario path: String) throws -> Section {
    let loaded = try ScenarioLoader.load(path: path)
    var recordings: [String: IdentityTrace] = [:]
    for vm in loaded.scenario.vms {
      if case .recorded(let recorded) = vm.guest, recordings[recorded.trace] == nil {
        recordings[recorded.trace] = try IdentityTrace(path: loaded.folder.resolve(recorded.trace))
      }
    }
    var section = Section(
      title: "A run", method: "Workloads/quickstart.yaml: four guests, 90 s of virtual time. Processor time, without writing the report.")
    let virtual = Double(loaded.scenario.durationNanoseconds) * 1e-9
    var setUp = 0.0
    for audited in [false, true] {
      var experiment: Experiment?
      setUp = try Measuring.time { experiment = try Experiment(loaded.scenario, recordings: recordings, audited: audited) }
      let run = Measuring.time { Measuring.keep(experiment?.run().virtualNanoseconds ?? 0) }
      section.figures.append(
        Figure(
          name: audited ? "run, audited at each sample" : "run", value: run * 1e-9, unit: "s", floor: "the virtual time",
          floorValue: virtual))
    }
    section.figures.append(Figure(name: "set-up", value: setUp * 1e-9, unit: "s", floor: "the virtual time", floorValue: virtual))
    return section
  }
}
