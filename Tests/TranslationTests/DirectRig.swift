import Addressing
import Columns
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A paravirtual guest on a host of its own, its memory scattered over the host's, with frames of somebody else's between.
final class DirectRig {
  static let guestFrames = 48
  /// Frames of another guest's.
  static let foreign = 3000..<3010

  let contents = FrameContents(frameCount: 4096)
  let frames: TableFrames
  let map: GuestPhysicalMap
  let translator: any Translator
  let hypercalls: any ParavirtualPaging
  private var version = [Int](repeating: 0, count: guestFrames)

  init(_ options: PagingOptions = PagingOptions(), levels: Int = 4, tlb: TLBHierarchy = TLBHierarchy(TLBPreset.golden.geometry)) throws {
    frames = TableFrames(contents, first: 64, capacity: 256)
    map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, first: 0, capacity: 64))
    let parts = TranslatorParts(
      contents: contents, map: map, tlb: tlb, vpid: VPID(7), frames: frames, guestPages: UInt64(Self.guestFrames))
    translator = PagingMode.direct.makeTranslator(parts, options)
    hypercalls = try #require(translator.paravirtual)
    if levels == 5 { translator.setControls(X86Controls().with { $0.levels = 5 }) }
    for index in 0..<Self.guestFrames { back(index) }
  }

  /// Where a guest frame is, or was last.
  func machine(_ frame: Int) -> HostFrame { HostFrame(1024 + frame * 37 % 512 + 512 * version[frame]) }
  /// Where a word of a guest frame is.
  func place(_ frame: Int, _ index: Int) -> HostPhysicalAddress { HostPhysicalAddress(machine(frame).address.rawValue + UInt64(index) * 8) }
  func word(_ frame: Int, _ index: Int) -> UInt64 { contents.load(place(frame, index)) }
  func isBacked(_ frame: Int) -> Bool { map.leaf(of: GuestFrame(frame)).isPresent }
  func use(_ frame: Int) -> FrameUse { hypercalls.use(of: GuestFrame(frame)) }

  func back(_ frame: Int) {
    contents.setContent(.zero, of: machine(frame))
    #expect(map.setLeaf(.page(machine(frame), writable: true), of: GuestFrame(frame)))
    #expect(translator.guestPageBacked(GuestFrame(frame)))
  }

  /// The balloon takes a page, if nothing refers to it.
  func release(_ frame: Int) -> Bool {
    guard translator.allowsRelease(GuestFrame(frame)) else { return false }
    let old = map.leaf(of: GuestFrame(frame))
    #expect(map.setLeaf(.ballooned, of: GuestFrame(frame)))
    translator.guestPhysicalMapChanged(GuestFrame(frame), old: old)
    contents.setContent(.repeated(0xff), of: machine(frame))
    return true
  }

  /// The hypervisor moves a page; junk stays behind.
  func move(_ frame: Int) {
    let (old, before) = (map.leaf(of: GuestFrame(frame)), machine(frame))
    version[frame] = (version[frame] + 1) % 3
    contents.copy(before, to: machine(frame))
    #expect(map.setLeaf(.page(machine(frame), writable: true), of: GuestFrame(frame)))
    translator.guestPhysicalMapChanged(GuestFrame(frame), old: old)
    contents.setContent(.repeated(0xff), of: before)
  }

  /// A store of the guest's kernel, not through its tables; false where it faults.
  func store(_ value: UInt64, _ frame: Int, _ index: Int) -> Bool {
    guard translator.allowsStore(GuestFrame(frame)) else { return false }
    contents.store(value, place(frame, index))
    return true
  }

  // MARK: A guest that knows what it does

  func entry(table frame: Int) -> UInt64 { X86Entry.table(machine(frame)).rawValue }
  func entry(page frame: Int, writable: Bool = true, user: Bool = true) -> UInt64 {
    X86Entry.page(machine(frame), writable: writable, user: user, noExecute: false).rawValue
  }

  func update(_ frame: Int, _ index: Int, _ value: UInt64) -> HypercallError? {
    hypercalls.update([.entry(place(frame, index), value)]).error
  }

  /// Tables in frames 3, 2, 1 and 0, from the root, that map page 0 of the address space to `page`; stored, not yet used.
  func build(page: Int, writable: Bool = true) {
    #expect(store(entry(table: 2), 3, 0) && store(entry(table: 1), 2, 0) && store(entry(table: 0), 1, 0))
    #expect(store(entry(page: page, writable: writable), 0, 0))
  }

  func loadRoot(_ frame: Int) -> HypercallError? { hypercalls.perform([.loadRoot(machine(frame))]).error }

  func access(_ address: UInt64, _ kind: AccessKind = .read, _ privilege: Privilege = .user) -> TranslationOutcome {
    translator.translate(GuestVirtualAddress(address), kind, privilege)
  }

  // MARK: The laws

  /// Types and counts are what the tables come to; P2M and M2P are inverse; nothing held reaches beyond the guest or writes to a table.
  func audit() {
    let hostFrames = (0..<Self.guestFrames).map { isBacked($0) ? machine($0) : nil }
    let pins = (0..<Self.guestFrames).filter { use($0).isPinned }.map { (frame: GuestFrame($0), level: use($0).type.level ?? 0) }
    let root = hypercalls.rootTable.map { (frame: $0, level: translator.controls.levels) }
    let census = DirectCensus(contents: contents, frames: hostFrames, pins: pins, root: root)
    #expect(census.problems == [])
    let uses = (0..<Self.guestFrames).map(use)
    #expect(census.uses == uses)
    for frame in 0..<Self.guestFrames {
      #expect(hypercalls.machineFrame(of: GuestFrame(frame)) == hostFrames[frame])
      if let host = hostFrames[frame] { #expect(hypercalls.guestFrame(of: host) == GuestFrame(frame)) }
    }
    translator.forEachHeld { held in
      guard let frame = hypercalls.guestFrame(of: held.frame) else {
        Issue.record("\(held.page) leads to frame \(held.frame), which is not the guest's")
        return
      }
      if held.isWritable { #expect(use(frame.index).type.level == nil, "\(held.page) can write to a table") }
    }
  }
}

extension X86Controls {
  func with(_ change: (inout X86Controls) -> Void) -> X86Controls {
    var changed = self
    change(&changed)
    return changed
  }
}
