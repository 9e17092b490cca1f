internal import Addressing
internal import Columns
internal import FrameAllocation
internal import PageContents
internal import PageSharing
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
/// 1. Every frame is free or has exactly the references that guests' maps and tables have; free plus used are all frames. 2. Translation
/// agrees: what a translator holds for a virtual address is what the guest's tables, walked alone, and the guest-physical map
///    say together.
/// 3. No guest reads another's bytes: a frame that more than one page maps is read-only everywhere; a free frame is scrubbed.
/// 4. No translation outlives its frame: whatever a TLB or a shadow table still reaches is a frame in use by a page of that guest.
/// 5. What the guests are charged, plus the shared frames once, is what the host has given out.
/// 6. Content never changes by merging, ballooning, swapping or moving: a page holds what its guest wrote last.
///
/// Of a guest that knows its machine frames the audit checks besides that its tables name only frames of its own and make no table writable
/// (3), that P2M and M2P say what the map says (2), and that every frame's type and counts are what its tables come to (1).
///
/// An audit trusts no counter: it walks every map and counts anew. It costs time linear in frames and guest pages.
///
/// It may be wrong in one case. Between a guest's change of one of its tables and its INVLPG or CR3 load a processor may go on with what
/// its TLB holds; an audit at that moment takes this for a breach of law 2.
public final class Audit {
  let host: Host
  private let references: Column<UInt32>
  private let writableReferences: Column<UInt32>
  /// A stored page's bytes.
  private let buffer = Column<UInt8>(count: PageContent.byteCount)
  /// The frames that the guest that is looked at maps.
  private let ownFrames: BitColumn
  private let slotsSeen: BitColumn
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
    audit.checkDirectGuests()
    audit.checkContents()
    return (audit.found, audit.breaches)
  }

  private init(_ host: Host) {
    self.host = host
    references = Column(count: host.frameCount)
    writableReferences = Column(count: host.frameCount)
    ownFrames = BitColumn(count: host.frameCount)
    slotsSeen = BitColumn(count: host.swap.slotCount)
  }

  func report(_ law: Int, _ finding: @autoclosure () -> String) {
    found += 1
    if breaches.count < Audit.described { breaches.append(LawBreach(law: law, finding: finding())) }
  }

  func forEachLeaf(of vm: VirtualMachine, _ body: (GuestFrame, EPTEntry) -> Void) {
    vm.map.forEachLeaf(in: GuestFrame(0)..<GuestFrame(vm.pageCount), body)
  }

  // MARK: Maps

  /// Counts who maps each frame, from the maps alone, and compares each guest's own counters with what its map says.
  private func countReferences() {
    var slots = 0
    for vm in host.vms where vm.isRunning {
      var counts = PageCounts()
      forEachLeaf(of: vm) { frame, leaf in
        if leaf.isTrapped { counts.trapped += 1 }
        guard leaf.hasFrame else {
          switch leaf.absence {
          case .swapped(let slot):
            counts.swapped += 1
            countSlot(slot, frame, vm)
          case .ballooned: counts.ballooned += 1
          case .entrusted(let keeper):
            counts.entrusted += 1
            if keeper >= UInt64(host.keepers.count) { report(6, "page \(frame) of \(vm.name) is with a keeper that does not exist") }
          case .never, .trapped: break
          }
          return
        }
        guard leaf.frame.index < references.count else {
          return report(1, "\(vm.name) maps guest frame \(frame) beyond the host's memory")
        }
        references[leaf.frame.index] += 1
        if leaf.isPresent && leaf.isWritable { writableReferences[leaf.frame.index] += 1 }
        // What a free frame was used for is no longer known; that it is mapped is found with the frames.
        if host.frames.allocator.isFree(leaf.frame.index) { return }
        if leaf.isLarge { countHuge(frame, leaf, vm, &counts) }
        let record = host.frames[leaf.frame]
        switch record.use {
        case .guestPage:
          counts.privateFrames += 1
          // Seen from the map, which costs no look-up of the page's owner; the pages of stable frames are looked up from the frame.
          if record.firstPage != vm.page(of: frame) {
            report(1, "the reverse map of frame \(leaf.frame) does not name page \(frame) of \(vm.name), which maps it")
          }
        case .stable: counts.stable += 1
        case .zero:
          counts.zero += 1
          if leaf.isZeroPlaced { counts.zeroPlaced += 1 }
        case .none, .table: report(1, "\(vm.name) maps guest frame \(frame) to a frame that is not for guests")
        }
      }
      slots += counts.swapped
      let kept = PageCounts(chargedTo: vm)
      if counts != kept { report(5, "\(vm.name) has \(counts) but is charged \(kept)") }
    }
    if slots != host.swap.used { report(5, "\(slots) pages are swapped out but \(host.swap.used) slots are taken") }
  }

  /// A page of a huge mapping: alone in its frame, which has the same place in its block as the page in its 2 MiB or 1 GiB.
  private func countHuge(_ frame: GuestFrame, _ leaf: EPTEntry, _ vm: VirtualMachine, _ counts: inout PageCounts) {
    let inside = (vm.map.largeLeafSize(of: frame) ?? .size2M).pages - 1
    if frame.rawValue & inside == 0 { counts.huge += 1 }
    if (frame.rawValue ^ leaf.frame.rawValue) & inside != 0 || host.frames[leaf.frame].use != .guestPage {
      report(1, "\(vm.name) maps guest frame \(frame) by a large leaf to a frame that is shared or out of place")
    }
  }

  private func countSlot(_ slot: UInt64, _ frame: GuestFrame, _ vm: VirtualMachine) {
    guard slot < UInt64(slotsSeen.count) else { return report(6, "page \(frame) of \(vm.name) is in a swap slot that does not exist") }
    if slotsSeen[Int(slot)] { report(3, "page \(frame) of \(vm.name) is in a swap slot of another page") }
    slotsSeen[Int(slot)] = true
  }

  // MARK: Frames

  /// Laws 1, 3 and 5: references, sharing without writing, scrubbed free frames, and that all frames are accounted for.
  private func checkFrames() {
    var (free, stable) = (0, 0)
    var tables = [Int](repeating: 0, count: host.vms.count)
    for index in 0..<references.count {
      let frame = HostFrame(index)
      if host.frames.allocator.isFree(index) {
        free += 1
        if references[index] > 0 { report(1, "free frame \(frame) is mapped by \(references[index]) pages") }
        if !host.contents.isZero(frame) { report(3, "free frame \(frame) still holds its last owner's bytes") }
        continue
      }
      let record = host.frames[frame]
      if record.use == .stable { stable += 1 }
      if let owner = record.tableOwner, owner.index < tables.count { tables[owner.index] += 1 }
      checkUsed(frame, record)
    }
    if free != host.freeFrames { report(1, "\(free) frames are free and \(host.freeFrames) are counted free") }
    if stable != host.stableFrames { report(5, "\(stable) frames are shared and \(host.stableFrames) are counted shared") }
    for (vm, count) in zip(host.vms, tables) where vm.tableFrames != count {
      report(5, "\(vm.name) has \(count) frames of tables but is charged \(vm.tableFrames)")
    }
    if !host.contents.isZero(host.zeroFrame) { report(6, "the host's zero frame does not hold zeros") }
    let used = references.count - host.freeFrames
    let charged = host.vms.reduce(0) { $0 + $1.chargedFrames }
    let hostsOwn = 1  // the zero frame
    if charged + host.stableFrames + hostsOwn != used {
      report(
        5, "guests are charged \(charged) frames, \(host.stableFrames) are shared, \(hostsOwn) is the host's, but \(used) are used")
    }
  }

  private func checkUsed(_ frame: HostFrame, _ record: FrameRecord) {
    let mapped = references[frame.index]
    let held = host.holds[frame] ?? 0
    let isForPages = record.use == .guestPage || record.use == .stable
    if record.use == .none || (isForPages && mapped + held == 0) { report(1, "frame \(frame) is in use but nobody's") }
    if held > 0 && record.use != .stable { report(3, "frame \(frame) is held \(held) times though its bytes may change") }
    if record.references != mapped + held { report(1, "frame \(frame) counts \(record.references) references and has \(mapped + held)") }
    let writers = writableReferences[frame.index]
    if writers > 0 && (mapped > 1 || record.use != .guestPage) {
      report(3, "frame \(frame), shared by \(mapped) pages, is writable for \(writers)")
    }
    guard isForPages else { return }
    var listed: UInt32 = 0
    host.frames.forEachPage(of: frame) { page in
      listed += 1
      guard record.use == .stable else { return }
      let leaf = host.owner(of: page).map { $0.vm.map.leaf(of: $0.frame) } ?? .absent
      if !leaf.hasFrame || leaf.frame != frame { report(1, "the reverse map of frame \(frame) names a page that does not map it") }
    }
    if listed != mapped { report(1, "the reverse map of frame \(frame) names \(listed) pages and \(mapped) map it") }
  }

  // MARK: Translations

  /// Laws 2 and 4: whatever a translator would answer without a walk.
  private func checkTranslations() {
    for vm in host.vms where vm.isRunning {
      forEachLeaf(of: vm) { _, leaf in if leaf.isPresent, leaf.frame.index < ownFrames.count { ownFrames[leaf.frame.index] = true } }
      vm.translator.forEachHeld { check($0, of: vm) }
      ownFrames.clear()
    }
  }

  /// Page by page: a large one has a translation for each.
  private func check(_ held: HeldEntry, of vm: VirtualMachine) {
    for offset in 0..<held.pages {
      var entry = held
      entry.page = held.page.advanced(by: offset)
      entry.frame = held.frame.advanced(by: offset)
      checkPage(entry, of: vm)
    }
  }

  private func checkPage(_ entry: HeldEntry, of vm: VirtualMachine) {
    let index = entry.frame.index
    if index >= references.count || host.frames.allocator.isFree(index) || !ownFrames[index] {
      return report(4, "\(vm.name) still reaches frame \(entry.frame), which none of its pages maps, at page \(entry.page)")
    }
    if entry.isWritable && host.frames[entry.frame].use != .guestPage {
      return report(4, "\(vm.name) can still write to shared frame \(entry.frame) at page \(entry.page)")
    }
    // What a guest changed without an invalidation so far, a processor may hold as it was.
    if entry.isUnsync { return }
    guard let composed = truth(of: entry, vm) else {
      return report(2, "\(vm.name) holds page \(entry.page), which its tables do not map")
    }
    if composed.hostFrame != entry.frame {
      report(2, "\(vm.name) holds \(entry.frame) for page \(entry.page); its tables and map say \(composed.hostFrame)")
    }
    if entry.isWritable && !composed.isWritable {
      report(2, "\(vm.name) holds page \(entry.page) writable; its tables and map say read-only")
    }
  }

  /// What the guest's tables and map say of a page that is held.
  private func truth(of entry: HeldEntry, _ vm: VirtualMachine) -> HeldTranslation? {
    if vm.translator.paravirtual != nil { return directTruth(of: entry, vm) }
    return composition(of: entry.page.address, cr3: entry.root, map: vm.map, controls: vm.translator.controls) { word(at: $0, of: vm) }
      .translation
  }

  /// A word of a guest's memory, wherever it is: what a shadow made from a table holds on while the table is swapped out, traps or is
  /// stored.
  private func word(at address: GuestPhysicalAddress, of vm: VirtualMachine) -> UInt64? {
    let leaf = vm.map.leaf(of: address.page)
    let index = Int(address.offset(in: .size4K) >> 3)
    if leaf.hasFrame { return leaf.frame.index < references.count ? host.contents.loadWord(index, of: leaf.frame) : nil }
    if readStored(leaf, vm.page(of: address.page)) { return buffer.word(at: index * 8) }
    guard case .swapped(let slot) = leaf.absence, slot < UInt64(slotsSeen.count) else { return nil }
    return host.contents.loadWord(index, of: host.swap.content(at: Int(slot)))
  }

  /// Reads a page that a keeper has into the buffer.
  private func readStored(_ leaf: EPTEntry, _ page: PageOrdinal) -> Bool {
    guard case .entrusted(let keeper) = leaf.absence, !leaf.isPresent, keeper < UInt64(host.keepers.count) else { return false }
    host.keepers[Int(keeper)].read(page, into: buffer)
    return true
  }

  // MARK: Contents

  /// Law 6: pages hold what was written to them.
  private func checkContents() {
    guard let witness = host.witness else { return }
    for vm in host.vms where vm.isRunning {
      for index in 0..<vm.pageCount {
        let page = vm.page(of: GuestFrame(index))
        let leaf = vm.map.leaf(of: GuestFrame(index))
        guard leaf.hasFrame || witness.expectsContent(page) else { continue }
        var agrees = false
        if leaf.hasFrame {
          agrees = leaf.frame.index < references.count && witness.agrees(page, leaf.frame, in: host.contents)
        } else if case .swapped(let slot) = leaf.absence, slot < UInt64(slotsSeen.count) {
          agrees = witness.agrees(page, host.swap.content(at: Int(slot)), in: host.contents)
        } else if readStored(leaf, page) {
          agrees = witness.agrees(page) { buffer.word(at: $0 * 8) }
        }
        if !agrees { report(6, "page \(index) of \(vm.name) does not hold what the guest wrote") }
      }
    }
  }
}

/// A guest's pages by what backs them, or why nothing does.
private struct PageCounts: Equatable, CustomStringConvertible {
  var (privateFrames, stable, zero, zeroPlaced, swapped, ballooned, trapped, entrusted, huge) = (0, 0, 0, 0, 0, 0, 0, 0, 0)

  init() {}

  init(chargedTo vm: VirtualMachine) {
    (privateFrames, stable, zero) = (vm.privateFrames, vm.stablePages, vm.zeroPages)
    (zeroPlaced, swapped, ballooned) = (vm.placedZeroPages, vm.swappedPages, vm.balloonedPages)
    (trapped, entrusted, huge) = (vm.trappedPages, vm.entrustedPages, vm.hugeMappings)
  }

  var description: String {
    "\(privateFrames) private, \(stable) stable (\(trapped) of both trap), \(zero) zero (\(zeroPlaced) placed), \(swapped) swapped, "
      + "\(ballooned) ballooned, \(entrusted) stored pages, \(huge) huge mappings"
  }
}
