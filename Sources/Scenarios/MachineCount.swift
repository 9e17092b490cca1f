extension VMSpec {
  /// The names of the machines that it stands for.
  var machineNames: [String] { count == 1 ? [name] : (1...max(1, count)).map { "\(name)-\($0)" } }

  /// The machines that it stands for, each with its own name and, where none is stated, a tenant of its own.
  var machines: [VMSpec] {
    machineNames.map { name in
      var vm = self
      (vm.name, vm.count) = (name, 1)
      if tenant.isEmpty { vm.tenant = name }
      return vm
    }
  }
}

extension Scenario {
  /// The same plan with a place for each machine.
  var withEachMachine: Scenario {
    var scenario = self
    scenario.vms = vms.flatMap(\.machines)
    return scenario
  }
}
