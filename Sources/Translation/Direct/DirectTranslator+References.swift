internal import Addressing
internal import PageContents
internal import PageTables

/// References: how frames take types, and how tables take references to what their entries name.
extension DirectTranslator {
  /// Bits that a guest may set in a present entry of any level: P, R/W, U/S, A, D, the software's own (11:9, 58:52), protection keys and XD
  /// (Xen: `base_disallow_mask`). Not PWT, PCD and PAT, which choose cache types, and not PS.
  static let allowedBits: UInt64 =
    X86Entry.present | X86Entry.writable | X86Entry.user | X86Entry.accessed | X86Entry.dirty | 7 << 9 | 0x7f << 52 | X86Entry.keyMask
    | X86Entry.noExecute | X86Entry.frameMask & ~X86Entry.reservedAddressBits

  /// Whether a present entry has only bits that a guest may set at its level: in level 1, G as well.
  static func isLegal(_ entry: X86Entry, level: Int) -> Bool {
    entry.rawValue & ~(allowedBits | (level == 1 ? X86Entry.global : 0)) == 0
  }

  // MARK: Types

  /// Takes a reference to a frame that needs a type. The first one to a table validates it.
  func acquire(_ frame: GuestFrame, as type: FrameType) throws(HypercallError) {
    guard types.hasRoom(frame) else { throw .busy }
    if types.typeReferences(to: frame) > 0 {
      guard types.lastType(of: frame) == type else { throw .invalid }
      return types.addTyped(frame)
    }
    let last = types.lastType(of: frame)
    if last != type && types.isStale(frame) { flush() }
    types.begin(type, frame)
    guard let level = type.level else { return }
    do throws(HypercallError) {
      try validate(frame, level: level)
    } catch {
      types.cancel(frame, restoring: last)
      throw error
    }
  }

  /// Gives a reference back that needed the frame's type. The last one to a table devalidates it.
  func release(_ frame: GuestFrame) {
    let type = types.lastType(of: frame)
    guard types.dropTyped(frame), let level = type.level else { return }
    forEachEntry(of: frame) { letGo($0, level: level) }
  }

  /// Checks the entries of a frame that becomes a table, and takes their references; all or none.
  private func validate(_ table: GuestFrame, level: Int) throws(HypercallError) {
    guard let machineFrame = machine.machineFrame(of: table) else { throw .notPermitted }
    if contents.content(of: machineFrame) == .zero { return }
    for index in 0..<X86Index.entriesPerTable {
      do throws(HypercallError) {
        let entry = X86Entry(rawValue: contents.loadWord(index, of: machineFrame))
        try hold(entry, level: level)
        if entry.isPresent { mmu.counts.addCheckedEntry() }
      } catch {
        for held in 0..<index { letGo(X86Entry(rawValue: contents.loadWord(held, of: machineFrame)), level: level) }
        throw error
      }
    }
  }

  private func forEachEntry(of table: GuestFrame, _ body: (X86Entry) -> Void) {
    guard let machineFrame = machine.machineFrame(of: table), contents.content(of: machineFrame) != .zero else { return }
    for index in 0..<X86Index.entriesPerTable { body(X86Entry(rawValue: contents.loadWord(index, of: machineFrame))) }
  }

  // MARK: Entries

  /// Checks an entry and takes its references.
  func hold(_ entry: X86Entry, level: Int) throws(HypercallError) {
    guard entry.isPresent else { return }
    guard Self.isLegal(entry, level: level) else { throw .invalid }
    guard let target = machine.guestFrame(of: entry.hostFrame) else { throw .notPermitted }
    if level > 1 {
      guard let type = FrameType(level: level - 1) else { throw .invalid }
      try acquire(target, as: type)
    } else if entry.isWritable {
      try acquire(target, as: .writable)
    } else {
      guard types.hasRoom(target) else { throw .busy }
      types.addReference(target)
    }
  }

  /// Gives the references of an entry back that is no longer in a table.
  func letGo(_ entry: X86Entry, level: Int) {
    guard entry.isPresent, let target = machine.guestFrame(of: entry.hostFrame) else { return }
    if level > 1 || entry.isWritable { release(target) } else { types.dropReference(target) }
  }
}
