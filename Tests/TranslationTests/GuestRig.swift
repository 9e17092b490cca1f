import Addressing
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// Frames for tables, freed ones filled with junk so that a use after free shows.
final class TableFrames: TableFrameSource {
  private let contents: FrameContents
  private var free: [HostFrame]
  private(set) var used = 0

  init(_ contents: FrameContents, first: Int, capacity: Int) {
    self.contents = contents
    free = (first..<(first + capacity)).reversed().map { HostFrame($0) }
  }

  func allocateTableFrame() -> HostFrame? {
    guard let frame = free.popLast() else { return nil }
    used += 1
    contents.setContent(.zero, of: frame)
    return frame
  }

  func freeTableFrame(_ frame: HostFrame) {
    used -= 1
    contents.setContent(.repeated(0xff), of: frame)
    free.append(frame)
  }
}

/// One guest on a host of its own, under one translator, with a hypervisor of the plainest kind: the host frame of a guest frame is
/// a function of its number and of how often it was moved, so that rigs under different translators can be compared frame by frame.
///
/// A frame that is left is filled with junk, so that whoever still reads it through a stale translation reads nonsense.
final class GuestRig {
  static let guestFrames = 1024
  static let versions = 4
  static let tableFrames = 512

  let contents: FrameContents
  let frames: TableFrames
  let mapFrames: TableFrames
  let map: GuestPhysicalMap
  let translator: any Translator
  let tlb: TLBHierarchy
  var cr3 = GuestPhysicalAddress(0)
  private var version = [Int](repeating: 0, count: guestFrames)

  /// - Parameter shadowFrames: how many frames there are for the translator's own tables.
  init(
    _ mode: PagingMode, _ options: PagingOptions = PagingOptions(), tlb: TLBHierarchy, vpid: UInt16, shadowFrames: Int = 400,
    format: NestedFormat = .ept
  ) throws {
    contents = FrameContents(frameCount: Self.tableFrames + Self.guestFrames * Self.versions, detachedCapacity: Self.guestFrames)
    // The root of a map is its tag in a TLB: rigs that share one have different roots, though each is a host of its own.
    mapFrames = TableFrames(contents, first: Int(vpid), capacity: 64)
    frames = TableFrames(contents, first: 64 + Int(vpid), capacity: shadowFrames)
    map = try GuestPhysicalMap(contents: contents, frames: mapFrames, format: format)
    self.tlb = tlb
    let parts = TranslatorParts(
      contents: contents, map: map, tlb: tlb, vpid: VPID(vpid), frames: frames, guestPages: UInt64(Self.guestFrames))
    translator = mode.makeTranslator(parts, options)
  }

  /// Where a guest frame is, if it is anywhere.
  func hostFrame(_ frame: GuestFrame) -> HostFrame { HostFrame(Self.tableFrames + frame.index * Self.versions + version[frame.index]) }

  /// The guest frame that a host frame belongs to.
  func guestFrame(_ frame: HostFrame) -> GuestFrame { GuestFrame((frame.index - Self.tableFrames) / Self.versions) }

  // MARK: The hypervisor

  /// Makes a guest frame present and, after a write, writable. What was taken away comes back with its content.
  func resolve(_ frame: GuestFrame, _ access: AccessKind) {
    let old = map.leaf(of: frame)
    let host = hostFrame(frame)
    if !old.isPresent {
      if case .swapped = old.absence { contents.copy(stash(frame), to: host) } else { contents.setContent(.zero, of: host) }
      #expect(map.setLeaf(.page(host, writable: access == .write), of: frame))
    } else {
      #expect(map.setLeaf(old.with(access == .write ? EPTEntry.write : 0), of: frame))
    }
  }

  /// The frame that keeps the content of a guest frame that is swapped out.
  private func stash(_ frame: GuestFrame) -> HostFrame {
    HostFrame(Self.tableFrames + frame.index * Self.versions + (version[frame.index] + 1) % Self.versions)
  }

  private func change(_ frame: GuestFrame, to new: EPTEntry, leaving host: HostFrame?) {
    let old = map.leaf(of: frame)
    #expect(map.setLeaf(new, of: frame))
    translator.guestPhysicalMapChanged(frame, old: old)
    if let host { contents.setContent(.repeated(0xff), of: host) }
  }

  func swapOut(_ frame: GuestFrame) {
    let host = hostFrame(frame)
    guard map.leaf(of: frame).isPresent else { return }
    contents.copy(host, to: stash(frame))
    change(frame, to: .swapped(slot: frame.rawValue), leaving: host)
  }

  func protect(_ frame: GuestFrame) {
    let old = map.leaf(of: frame)
    if old.isPresent { change(frame, to: old.without(EPTEntry.write), leaving: nil) }
  }

  /// Moves a guest frame to another host frame; one that is absent is brought in first, so that all rigs agree on where it is.
  func move(_ frame: GuestFrame) {
    resolve(frame, .read)
    let (old, host) = (map.leaf(of: frame), hostFrame(frame))
    version[frame.index] = (version[frame.index] + 1) % Self.versions
    contents.copy(host, to: hostFrame(frame))
    change(frame, to: .page(hostFrame(frame), writable: old.isWritable), leaving: host)
  }

  /// Takes a frame whose content the guest has given up.
  func balloon(_ frame: GuestFrame) { change(frame, to: .ballooned, leaving: hostFrame(frame)) }

  // MARK: The guest

  /// An access through the translator, with violations resolved as they come.
  func access(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    for _ in 0..<64 {
      let outcome = translator.translate(address, access, privilege)
      guard case .violation(let violation) = outcome else { return outcome }
      #expect(!map.leaf(of: violation.frame).allows(violation.access), "a violation of what is allowed")
      guard violation.frame.index < Self.guestFrames else { return outcome }
      resolve(violation.frame, violation.access)
    }
    Issue.record("an access is refused for ever")
    return .guestFault([])
  }

  /// A store to guest-physical memory that does not go through the guest's page tables.
  func store(_ value: UInt64, _ address: GuestPhysicalAddress) {
    if !map.leaf(of: address.page).isWritable { resolve(address.page, .write) }
    contents.store(value, hostFrame(address.page).address(atOffsetOf: address))
    // A processor's store would set D in the map.
    map.markUsed(address.page, map.leaf(of: address.page), isWrite: true)
    if translator.storeTraps(address.page) { translator.guestTableStored(at: address) }
  }

  /// A word of guest-physical memory, wherever its content is.
  func load(_ address: GuestPhysicalAddress) -> UInt64 {
    let leaf = map.leaf(of: address.page)
    let low = address.offset(in: .size4K)
    if leaf.isPresent { return contents.load(HostPhysicalAddress(hostFrame(address.page).address.rawValue | low)) }
    guard case .swapped = leaf.absence else { return 0 }
    return contents.load(HostPhysicalAddress(stash(address.page).address.rawValue | low))
  }

  func loadCR3(_ root: GuestPhysicalAddress) {
    cr3 = root
    translator.loadCR3(root)
  }

  // MARK: The laws

  /// Nothing held reaches a frame that the map does not, or writes where the map does not; the shadow agrees with the composed walk.
  func audit(_ addresses: [GuestVirtualAddress]) {
    translator.forEachHeld { held in
      for offset in 0..<held.pages {
        let (page, frame) = (held.page.advanced(by: offset), held.frame.advanced(by: offset))
        let owner = guestFrame(frame)
        let leaf = map.leaf(of: owner)
        #expect(leaf.isPresent && leaf.frame == frame, "a translation of \(page) outlives its frame")
        if held.isWritable {
          #expect(leaf.isWritable, "\(page) is writable, its frame is not")
          #expect(!translator.storeTraps(owner), "a shadowed table is writable at \(page)")
        }
      }
    }
    for address in addresses {
      let controls = translator.controls
      let composed = composedWalk(address, cr3: cr3, contents: contents, map: map, controls: controls)
      guard let held = translator.peek(address) else {
        #expect(translator.mode == .shadow || translator.mode == .agile || composed == nil)
        continue
      }
      // The shadow does not need a guest table's page to be present, so the oracle may know less.
      guard let composed else { continue }
      // Without WP a shadow may show a user's page as a writable one of the kernel's.
      guard controls.writeProtect else {
        #expect(held.hostFrame == composed.hostFrame)
        continue
      }
      #expect(held.hostFrame == composed.hostFrame && held.isUser == composed.isUser && held.isNoExecute == composed.isNoExecute)
      #expect(!held.isWritable || composed.isWritable)
    }
  }
}
