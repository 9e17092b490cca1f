internal import Addressing
internal import Columns
internal import FrameAllocation
internal import PageContents
internal import PageTables
internal import Translation

/// One breach of a law, found by an audit.
public struct LawBreach: Equatable, Sendable, CustomStringConvertible {
  /// The law's number, 1 to 6, as the essay of `Audit` lists them.
  public let law: Int
  /// What was found.
  public let finding: String

  /// "law 4: …".
  public var description: String { "law \(law): \(finding)" }
}

/// # Audit: the laws, checked from outside
///
/// 1. Every frame is free or has exactly the references that guests' maps and tables have; free plus used are all frames.
/// 2. Translation agrees: what a translator holds for a virtual address is what the guest's tables, walked alone, and the guest-physical map
///    say together.
/// 3. No guest reads another's bytes: a frame that more than one page maps is read-only everywhere; a free frame is scrubbed.
/// 4. No translation outlives its frame: whatever a TLB or a shadow table still reaches is a frame in use by a page of that guest.
/// 5. What the guests are charged, plus the shared frames once, is what the host has given out.
/// 6. Content never changes by merging, ballooning, swapping or moving: a page holds what its guest wrote last.
///
/// An audit trusts no counter: it walks every map and counts anew. It costs time linear in frames and guest pages.
public final class Audit {
  private let host: Host
  private let references: Column<UInt32>
  private let writableReferences: Column<UInt32>
  private var breaches: [LawBreach] = []
  private var found = 0

  /// How many breaches are described; further ones are only counted.
  static let described = 20

  /// Checks all laws now.
  /// - Returns: how many breaches there are, and the first of them.
  public static func run(_ host: Host) -> (count: Int, breaches: [LawBreach]) {
    let audit = Audit(host)
    audit.countReferences()
    audit.checkFrames()
    audit.checkTranslations()
    audit.checkCharges()
    audit.checkContents()
    return (audit.found, audit.breaches)
  }

  private init(_ host: Host) {
    self.host = host
    references = Column(count: host.frames.allocator.frameCount)
    writableReferences = Column(count: host.frames.allocator.frameCount)
  }

  private func report(_ law: Int, _ finding: @autoclosure () -> String) {
    found += 1
    if breaches.count < Audit.described { breaches.append(LawBreach(law: law, finding: finding())) }
  }

  /// Counts who maps each frame, from the maps alone, and compares each guest's own counters with what its map says.
  private func countReferences() {
    for vm in host.vms where vm.isRunning {
      var (privateFrames, stable, zero, swapped, ballooned) = (0, 0, 0, 0, 0)
      for index in 0..<vm.pageCount {
        let leaf = vm.map.leaf(of: GuestFrame(index))
        guard leaf.isPresent else {
          switch leaf.absence {
          case .swapped: swapped += 1
          case .ballooned: ballooned += 1
          case .never: break
          }
          continue
        }
        guard leaf.frame.index < references.count else {
          report(1, "\(vm.name) maps guest frame \(index) beyond the host's memory")
          continue
        }
        references[leaf.frame.index] += 1
        if leaf.isWritable { writableReferences[leaf.frame.index] += 1 }
        switch host.frames[leaf.frame].use {
        case .guestPage: privateFrames += 1
        case .stable: stable += 1
        case .zero: zero += 1
        case .none, .table: report(1, "\(vm.name) maps guest frame \(index) to a frame that is not for guests")
        }
      }
      let counted = [privateFrames, stable, zero, swapped, ballooned]
      let kept = [vm.privateFrames, vm.stablePages, vm.zeroPages, vm.swappedPages, vm.balloonedPages]
      if counted != kept { report(5, "\(vm.name) has (private, stable, zero, swapped, ballooned) pages \(counted) but is charged \(kept)") }
    }
  }

  /// Laws 1 and 3: references, sharing without writing, scrubbed free frames.
  private func checkFrames() {
    var free = 0
    for index in 0..<references.count {
      let frame = HostFrame(index)
      let mapped = references[index]
      if host.frames.allocator.isFree(index) {
        free += 1
        if mapped > 0 { report(1, "free frame \(frame) is mapped by \(mapped) pages") }
        if host.contents.content(of: frame) != .zero { report(3, "free frame \(frame) still holds its last owner's bytes") }
        continue
      }
      let record = host.frames[frame]
      if record.references != mapped { report(1, "frame \(frame) counts \(record.references) references and has \(mapped)") }
      let writers = writableReferences[index]
      if writers > 0 && (mapped > 1 || record.use != .guestPage) { report(3, "frame \(frame), shared by \(mapped) pages, is writable for \(writers)") }
    }
    if free != host.freeFrames { report(1, "\(free) frames are free and \(host.freeFrames) are counted free") }
  }

  /// Laws 2 and 4: whatever a translator would answer without a walk.
  private func checkTranslations() {
    for vm in host.vms where vm.isRunning {
      var held: [HeldEntry] = []
      vm.translator.forEachHeld { held.append($0) }
      for entry in held {
        let index = entry.frame.index
        if index >= references.count || host.frames.allocator.isFree(index) || references[index] == 0 {
          report(4, "\(vm.name) still reaches frame \(entry.frame), which no guest maps, at page \(entry.page)")
          continue
        }
        if entry.isWritable && host.frames[entry.frame].use != .guestPage {
          report(4, "\(vm.name) can still write to shared frame \(entry.frame) at page \(entry.page)")
        }
        guard let composed = composedWalk(entry.page.address, cr3: entry.root, map: vm.map, word: { word(at: $0, of: vm) }) else {
          report(2, "\(vm.name) holds page \(entry.page), which its tables do not map")
          continue
        }
        if composed.hostFrame != entry.frame { report(2, "\(vm.name) holds \(entry.frame) for page \(entry.page); its tables and map say \(composed.hostFrame)") }
        if entry.isWritable && !composed.isWritable { report(2, "\(vm.name) holds page \(entry.page) writable; its tables and map say read-only") }
      }
    }
  }

  /// A word of a guest's memory, wherever it is: shadow tables stay true while the guest's own are swapped out.
  private func word(at address: GuestPhysicalAddress, of vm: VirtualMachine) -> UInt64? {
    let (leaf, index) = (vm.map.leaf(of: address.page), Int(address.rawValue >> 3 & 511))
    if leaf.isPresent { return host.contents.loadWord(index, of: leaf.frame) }
    guard case .swapped(let slot) = leaf.absence else { return nil }
    return host.contents.loadWord(index, of: host.swap.content(at: Int(slot)))
  }

  /// Law 5: charges and shared frames add up to what was given out.
  private func checkCharges() {
    let used = host.frames.allocator.frameCount - host.freeFrames
    let charged = host.vms.reduce(0) { $0 + $1.chargedFrames }
    let hostsOwn = 1  // the zero frame
    if charged + host.stableFrames + hostsOwn != used {
      report(5, "guests are charged \(charged) frames, \(host.stableFrames) are shared, \(hostsOwn) is the host's, but \(used) are used")
    }
    let swapped = host.vms.reduce(0) { $0 + $1.swappedPages }
    if swapped != host.swap.used { report(5, "\(swapped) pages are swapped out but \(host.swap.used) slots are taken") }
  }

  /// Law 6: pages hold what was written to them.
  private func checkContents() {
    guard let witness = host.witness else { return }
    for vm in host.vms where vm.isRunning {
      for index in 0..<vm.pageCount {
        let page = vm.page(of: GuestFrame(index))
        guard witness.expectsContent(page) || vm.map.leaf(of: GuestFrame(index)).isPresent else { continue }
        let leaf = vm.map.leaf(of: GuestFrame(index))
        let agrees: Bool
        if leaf.isPresent {
          agrees = witness.agrees(page, leaf.frame, in: host.contents)
        } else if case .swapped(let slot) = leaf.absence {
          agrees = witness.agrees(page, host.swap.content(at: Int(slot)), in: host.contents)
        } else {
          agrees = false
        }
        if !agrees { report(6, "page \(index) of \(vm.name) does not hold what the guest wrote") }
      }
    }
  }
}
