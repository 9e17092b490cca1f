internal import Addressing
internal import Guests
internal import PageSharing
internal import Translation

// What a plan holds before its fields are read. No blank leaves the loader: a field without a default that is not given is an error.

extension Scenario {
  static var blank: Scenario {
    Scenario(
      name: "", description: "", seed: 0, durationNanoseconds: 0, sampleNanoseconds: 0, windowNanoseconds: 0, windowAccesses: 0,
      host: HostSpec(memory: .zero, swap: .zero, tlb: "", cost: ""), sharing: SharingSpec(scanner: .none, ksm: KSMSettings()),
      overcommit: OvercommitSpec(policy: "", everyNanoseconds: 0, hostTargetPercent: 0, maxChange: .zero), vms: [], expectations: [])
  }
}

extension VariantSpec {
  static var blank: VariantSpec { VariantSpec(name: "", description: "", settings: [], expectations: []) }
}

extension VMSpec {
  static var blank: VMSpec {
    VMSpec(
      name: "", memory: .zero, minMemory: .zero, shares: 0, paging: .nested, balloon: false, mergeable: false, guest: .synthetic(.blank))
  }
}

extension SyntheticGuestSpec {
  static var blank: SyntheticGuestSpec {
    SyntheticGuestSpec(
      image: "", kernel: .zero, files: .zero, filesOwnPercent: 0, fileReadsPerSecond: 0, fileAccesses: .zipf, initOnFree: false,
      processes: [], load: [])
  }
}

extension RecordedGuestSpec {
  static var blank: RecordedGuestSpec {
    RecordedGuestSpec(trace: "", guest: "", accesses: .zipf, readsPerSecond: 0, writesPerSecond: 0, load: [])
  }
}

extension StreamGuestSpec {
  static var blank: StreamGuestSpec { StreamGuestSpec(source: "", accessesPerSecond: 0) }
}

extension ProcessSpec {
  static var blank: ProcessSpec {
    ProcessSpec(
      name: "", count: 0, text: .zero, heap: .zero, heapZeroPercent: 0, heapDuplicatePercent: 0, writesPerSecond: 0, accesses: .zipf)
  }
}

extension ByteSize {
  fileprivate static var zero: ByteSize { ByteSize(bytes: 0) }
}
