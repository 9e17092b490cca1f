internal import Addressing
internal import Columns
internal import Guests
internal import Machine
internal import RAMImages
internal import Scenarios
internal import Traces
internal import Translation

/// What a virtual machine needs before its host exists.
struct TenantPlan {
  let spec: VMSpec
  /// The recording's pages, of a recorded guest.
  let identities: [UInt32]?
  /// Where the file of an access stream lies, or the generator; nil for other guests.
  let source: String?
  /// Memory with what memlab adds to a recording.
  let memory: ByteSize

  init(_ spec: VMSpec, recordings: [String: IdentityTrace], streams: [String: String]) throws(ExperimentError) {
    self.spec = spec
    if case .stream(let stream) = spec.guest { source = streams[stream.source] ?? stream.source } else { source = nil }
    guard case .recorded(let recorded) = spec.guest else {
      identities = nil
      memory = spec.memory
      return
    }
    guard let trace = recordings[recorded.trace] else { throw .recording(vm: spec.name, problem: "\(recorded.trace) was not read") }
    guard trace.pageSize == Int(PageSize.size4K.bytes) else {
      throw .recording(vm: spec.name, problem: "\(recorded.trace) holds pages of \(trace.pageSize) bytes; a guest needs pages of 4096")
    }
    guard let pages = trace.guest(named: recorded.guest) else {
      let names = trace.guests.map(\.name).joined(separator: ", ")
      throw .recording(vm: spec.name, problem: "\(recorded.trace) holds no guest \"\(recorded.guest)\"; it holds \(names)")
    }
    let recordedBytes = UInt64(pages.count) << 12
    guard recordedBytes == spec.memory.bytes else {
      throw .recording(
        vm: spec.name, problem: "guest \"\(recorded.guest)\" was recorded with \(ByteSize(bytes: recordedBytes)), not \(spec.memory)")
    }
    identities = pages
    memory = ByteSize(bytes: recordedBytes + RecordedGuest.addedMemory(recordedPages: pages.count).bytes)
  }

  /// Creates the virtual machine and its guest.
  /// - Parameter checksStale: whether each of its accesses is compared with the truth.
  func tenant(
    on host: Host, spaces: SpaceNumbers, random: RandomSource, checksStale: Bool
  ) throws(ExperimentError) -> Tenant {
    let vm: VirtualMachine
    let backing = MemoryBacking(
      hugePages: hugePages, splitsHugeOnMerge: spec.splitsHugeOnMerge, numaNode: spec.numaNode, levels: spec.hostLevels)
    do throws(HostError) {
      vm = try host.createVM(
        name: spec.name, memory: memory, paging: spec.paging, options: spec.translation, backing: backing,
        staleTranslations: checksStale ? StaleTranslations() : nil)
    } catch { throw .host(error) }
    let own = spaces.own(of: spec.name)
    let guest: any Guest
    switch spec.guest {
    case .synthetic(let synthetic):
      guest = SyntheticGuest(vm: vm, spec: synthetic, image: spaces.image(synthetic.image), own: own, random: random)
    case .recorded(let recorded):
      guest = RecordedGuest(
        vm: vm, spec: recorded, identities: identities ?? [], recording: spaces.recording(recorded.trace), own: own, random: random)
    case .stream(let stream):
      guest = StreamFeed(vm: vm, spec: stream, stream: try open(stream), image: spaces.image(stream.image), own: own)
    }
    return Tenant(spec: spec, vm: vm, guest: guest, pages: identities?.count ?? vm.pageCount, owner: spaces.owner(spec.tenant))
  }
}

extension TenantPlan {
  /// What the host backs the machine with. A native stream guest stands for bare hardware: its memory comes in pieces as large as its own pages.
  private var hugePages: HugePages {
    guard spec.paging == .native, case .stream(let stream) = spec.guest else { return spec.hugePages }
    return spec.hugePages.atLeast(stream.options.pageSize)
  }

  /// Opens the access stream of a guest.
  private func open(_ spec: StreamGuestSpec) throws(ExperimentError) -> any AccessStream {
    let limit = spec.accesses == 0 ? nil : spec.accesses
    do throws(TraceError) {
      return try AccessStreams.open(source ?? spec.source, format: TraceFormat(rawValue: spec.format), limit: limit)
    } catch {
      throw .recording(vm: self.spec.name, problem: error.description)
    }
  }
}

/// Which content space belongs to which image, recording and guest of a scenario, and which number to which tenant: numbered in the order of their first appearance.
struct SpaceNumbers {
  private var numbers: [String: UInt64] = [:]
  private var owners: [String: UInt32] = [:]

  init(_ scenario: Scenario) {
    for vm in scenario.vms {
      switch vm.guest {
      case .synthetic(let synthetic): note("image/\(synthetic.image)")
      case .recorded(let recorded): note("recording/\(recorded.trace)")
      case .stream(let stream): note("image/\(stream.image)")
      }
      note("own/\(vm.name)")
      if owners[vm.tenant] == nil { owners[vm.tenant] = UInt32(owners.count) + 1 }
    }
  }

  private mutating func note(_ name: String) {
    if numbers[name] == nil { numbers[name] = UInt64(numbers.count) + 1 }
  }

  private func space(_ name: String) -> ContentSpace { ContentSpace(number: numbers[name] ?? 0) }

  func image(_ name: String) -> ContentSpace { space("image/\(name)") }
  func recording(_ path: String) -> ContentSpace { space("recording/\(path)") }
  /// The number of a tenant, from 1.
  func owner(_ tenant: String) -> UInt32 { owners[tenant] ?? 0 }
  func own(of vm: String) -> ContentSpace { space("own/\(vm)") }
}
