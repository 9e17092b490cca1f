public import Machine

/// Why a scenario cannot be set up.
public enum ExperimentError: Error, Equatable, Sendable {
  /// The host cannot be built, or a virtual machine not on it.
  case host(HostError)
  /// The host's TLB cannot be built; why, in words.
  case tlb(String)
  /// A recording lacks a guest that the scenario names, or holds another amount of memory.
  case recording(vm: String, problem: String)
  /// A name that nothing answers to: what it should name, and the name.
  case unknownName(String, String)
}

extension ExperimentError: CustomStringConvertible {
  /// The reason in plain words, to be printed after "error: ".
  public var description: String {
    switch self {
    case .host(.tooSmall(let memory)): "\(memory) of memory are less than a host needs"
    case .host(.tooLarge(let memory)):
      "a host of \(memory), its swap device or its guests together have more pages than memlab can number; the most are "
        + "8TiB for the host, as much for swap, and 2TiB for all guests"
    case .host(.tooManyGuestPages(let vm)): "virtual machine \"\(vm)\" has more memory than memlab can number, or none"
    case .host(.noSuchNode(let node)): "the host has no NUMA node \(node), or cannot have so many nodes"
    case .host(.outOfMemory(let vm)): "the host's memory is too small for the first page tables of virtual machine \"\(vm)\""
    case .host(.entryFails(let vm, let problem)): "no processor would enter virtual machine \"\(vm)\": \(problem)"
    case .tlb(let problem): "the host's TLB cannot be built: \(problem)"
    case .recording(let vm, let problem): "virtual machine \"\(vm)\": \(problem)"
    case .unknownName(let what, let name): "there is no \(what) named \"\(name)\""
    }
  }
}
