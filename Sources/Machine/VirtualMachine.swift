public import Addressing
internal import FrameAllocation
internal import PageContents
public import PageTables
public import Translation

/// A virtual machine: guest-physical memory behind a map, and one virtual processor behind a translator.
///
/// A guest reaches its memory in two ways. Programs use virtual addresses and go through the translator (`access`). The guest's kernel and
/// its devices know physical addresses and use those (`load`, `store`, `fill`): such accesses see the same map and the same faults, but no
/// TLB, as through a kernel's direct map of huge pages.
public final class VirtualMachine {
  /// Its number.
  public let id: VMID
  /// Its name.
  public let name: String
  /// Its memory in pages.
  public let pageCount: Int
  /// The ordinal of its first page.
  public let firstPage: PageOrdinal
  /// The guest-physical map.
  public let map: GuestPhysicalMap
  /// Whether the host backs it with huge pages.
  public let hugePages: HugePages
  /// The NUMA node that its frames and tables are taken from, for as long as that has any.
  public let numaNode: Int
  /// Whether a page sharer may split its huge mappings at any time, as Linux KSM does. If not, pages inside them cannot be shared until the
  /// host's free memory is below its low watermark, as in ESX, which breaks large pages under pressure only.
  public let splitsHugeOnMerge: Bool
  /// How its virtual addresses are translated.
  public let translator: any Translator
  /// Which pages it has written to; nil where nobody keeps a log of that.
  let dirtyLog: DirtyLog?
  /// Whether its pages may be shared, swapped or made to trap behind its back.
  public let allowsRemapping: Bool
  /// The guest-physical address of the current root table, as the guest last loaded it.
  public private(set) var cr3 = GuestPhysicalAddress(0)
  /// Whether it still runs.
  public internal(set) var isRunning = true

  /// Frames that hold one page of this guest alone.
  public internal(set) var privateFrames = 0
  /// Pages that map stable frames.
  public internal(set) var stablePages = 0
  /// Pages that map the host's zero frame.
  public internal(set) var zeroPages = 0
  /// Of those, the ones that the scanner put there.
  public internal(set) var placedZeroPages = 0
  /// Pages on the swap device.
  public internal(set) var swappedPages = 0
  /// Of the private and the stable pages, those that trap at the next access.
  public internal(set) var trappedPages = 0
  /// Pages that a keeper has.
  public internal(set) var entrustedPages = 0
  /// Pages that its balloon holds.
  public internal(set) var balloonedPages = 0
  /// Pages read back from the swap device so far.
  public internal(set) var swapIns: UInt64 = 0
  /// Huge mappings split so far.
  public internal(set) var hugeSplits: UInt64 = 0
  /// Exits for devices and hypercalls, which no translator sees, by reason.
  public internal(set) var deviceExits = ExitCounts()

  unowned let host: Host
  /// The host's contents of frames, without the detour.
  let contents: FrameContents
  let tables: TableFrames
  /// Guest frames that reclaim leaves alone until the access that is being resolved is over.
  var pinned: [GuestFrame] = []

  init(
    id: VMID, name: String, pageCount: Int, firstPage: PageOrdinal, mode: PagingMode, options: PagingOptions, backing: MemoryBacking,
    staleTranslations: StaleTranslations?, host: Host
  ) throws(HostError) {
    self.id = id
    self.name = name
    self.pageCount = pageCount
    hugePages = backing.hugePages
    numaNode = backing.numaNode
    splitsHugeOnMerge = backing.splitsHugeOnMerge
    self.firstPage = firstPage
    self.host = host
    contents = host.contents
    tables = TableFrames(owner: id, node: backing.numaNode, host: host)
    // Only where the processor walks the map does it matter in whose words that lies.
    let (isNested, nested) = (mode == .nested, options.nested)
    guard
      let map = try? GuestPhysicalMap(
        contents: host.contents, frames: tables, levels: backing.levels, format: isNested ? nested.format : .ept)
    else { throw HostError.outOfMemory(name) }
    self.map = map
    dirtyLog = isNested && nested.modificationLog ? try Self.makeDirtyLog(tables, name, pageCount: pageCount) : nil
    map.modificationLog = dirtyLog?.log
    let vpid = VPID(UInt16(id.rawValue + 1))
    var parts = TranslatorParts(
      contents: host.contents, map: map, tlb: host.tlb, vpid: vpid, frames: tables, guestPages: UInt64(pageCount))
    parts.staleTranslations = staleTranslations
    translator = mode.makeTranslator(parts, options)
    allowsRemapping = translator.allowsRemapping
    let controls = entryControls(vpid, options)
    if let problem = controls.problem() { throw HostError.entryFails(name, problem) }
    witnessHypercalls()
  }

  private static func makeDirtyLog(_ tables: TableFrames, _ name: String, pageCount: Int) throws(HostError) -> DirtyLog {
    guard let frame = tables.allocateTableFrame() else { throw HostError.outOfMemory(name) }
    return DirtyLog(PageModificationLog(contents: tables.host.contents, frame: frame), pageCount: pageCount)
  }

  /// What the processor is told of the guest's translation when it enters it. AMD's has no such fields but the tag, which may not be 0 either (APM
  /// volume 2, 15.5.1).
  private func entryControls(_ vpid: VPID, _ options: PagingOptions) -> VMEntryControls {
    var controls = VMEntryControls()
    controls.vpid = options.usesVPID ? vpid : nil
    if mode == .nested && map.format == .ept {
      controls.eptPointer = map.pointer(keepsAccessedDirty: options.nested.accessedDirty)
      controls.modificationLog = dirtyLog?.log.frame.address
    }
    return controls
  }

  /// Huge mappings now: 2 MiB or 1 GiB of its memory each.
  public var hugeMappings: Int { map.largeLeaves }

  /// Frames that hold the tables of its translation.
  public var tableFrames: Int { tables.count }

  /// What it is charged: the frames that it alone has.
  public var chargedFrames: Int { privateFrames + tableFrames }

  /// The guest loads CR3: another address space becomes the current one.
  public func loadCR3(_ root: GuestPhysicalAddress) {
    cr3 = root
    if isRunning { translator.loadCR3(root) }
  }

  /// The guest executes INVLPG.
  public func invalidatePage(_ address: GuestVirtualAddress) {
    if isRunning { translator.invalidatePage(address) }
  }

  /// Counts exits that no translator sees: for a device, a timer or memory that the guest's kernel reaches by physical address. Without a tag of its own the guest
  /// loses its translations, as in every exit.
  public func countExits(_ reason: ExitReason, _ count: UInt64) {
    deviceExits[reason] += count
    if isRunning && count > 0 { translator.worldSwitch() }
  }

  /// All exits so far, by reason.
  public var exits: ExitCounts {
    var sum = translator.counters.exits
    sum += deviceExits
    return sum
  }

  func page(of frame: GuestFrame) -> PageOrdinal { PageOrdinal(firstPage.rawValue + UInt32(truncatingIfNeeded: frame.rawValue)) }

  func contains(_ frame: GuestFrame) -> Bool { frame.rawValue < UInt64(pageCount) }
}

/// Frames for the tables of one virtual machine. Tables may use the reserve that other allocations leave alone, and never reclaim: a
/// reclaim in the middle of a map's change would change the map under its feet.
final class TableFrames: TableFrameSource {
  let owner: VMID
  let node: Int
  unowned let host: Host
  private(set) var count = 0

  init(owner: VMID, node: Int, host: Host) {
    self.owner = owner
    self.node = node
    self.host = host
  }

  func allocateTableFrame() -> HostFrame? {
    guard let frame = host.frames.allocate(for: .table(of: owner), node: node) else { return nil }
    count += 1
    return frame
  }

  func freeTableFrame(_ frame: HostFrame) {
    host.giveBack(frame)
    count -= 1
  }
}

extension Host {
  /// Creates a virtual machine with nothing backed yet.
  public func createVM(
    name: String, memory: ByteSize, paging: PagingMode, options: PagingOptions = PagingOptions(),
    backing: MemoryBacking = MemoryBacking(), staleTranslations: StaleTranslations? = nil
  ) throws(HostError) -> VirtualMachine {
    guard (0..<frames.allocator.nodes).contains(backing.numaNode) else { throw HostError.noSuchNode(backing.numaNode) }
    let pages = Int(memory.bytes >> PageSize.size4K.shift)
    let first = spanOwners.count << Int(Host.spanShift)
    guard pages > 0, vms.count < Int(UInt16.max) - 1, first + Host.ordinals(for: memory) <= frames.pageCapacity else {
      throw HostError.tooManyGuestPages(name)
    }
    let vm = try VirtualMachine(
      id: VMID(UInt32(vms.count)), name: name, pageCount: pages, firstPage: PageOrdinal(UInt32(first)), mode: paging,
      options: options, backing: backing, staleTranslations: staleTranslations, host: self)
    vms.append(vm)
    spanOwners.append(contentsOf: repeatElement(vm.id, count: Host.ordinals(for: memory) >> Int(Host.spanShift)))
    if backing.population == .atCreation, !vm.populateAll() {
      stop(vm)
      throw HostError.outOfMemory(name)
    }
    return vm
  }

  /// Stops a virtual machine and takes all its memory back.
  public func stop(_ vm: VirtualMachine) {
    guard vm.isRunning else { return }
    vm.isRunning = false
    vm.map.forEachLeaf(in: GuestFrame(0)..<GuestFrame(vm.pageCount)) { frame, leaf in
      if leaf.isPresent && leaf.isLarge { unbackHuge(frame, of: vm) } else { unback(frame, of: vm, leaving: .absent) }
    }
    vm.balloonedPages = 0
    vm.translator.destroy()
    vm.map.destroy()
    if let dirty = vm.dirtyLog { vm.tables.freeTableFrame(dirty.log.frame) }
  }
}
