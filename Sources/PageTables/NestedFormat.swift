public import Addressing

/// In which words a guest-physical map lies in its frames.
///
/// A map has one set of books, in the terms of `EPTEntry`, whatever the processor: a leaf is present with rights, A and D, or absent for a
/// reason. The two formats say nearly the same in different places, so the words of AMD's format are made from an `EPTEntry` when
/// they are stored, and read back into one when the hypervisor asks; a walk reads the words as they are. Two things make the translation
/// exact both ways. AMD's nested pages are always readable when present (there is no R), and the hypervisor's leaves are too. And where
/// the lowest three bits are zero both formats ignore all others, so absent entries, whose reasons lie above them, are the same words.
@frozen public enum NestedFormat: String, CaseIterable, Sendable {
  /// Extended page tables (Intel SDM 29.3.2).
  case ept
  /// Nested page tables in the format of x86-64 (AMD APM volume 2, 15.25). Every entry is a user's: the processor walks them as user mode.
  case npt

  /// A leaf as a word in a frame.
  /// - Parameter entry: in AMD's format either absent or readable, and of ordinary (write-back) memory.
  @inlinable public func word(_ entry: EPTEntry) -> UInt64 {
    guard self == .npt, entry.isPresent else { return entry.rawValue }
    precondition(entry.isReadable && entry.memoryType == 6, "a nested leaf of AMD's is readable, and its type is not the map's to say")
    let kept = entry.rawValue & (EPTEntry.frameMask | EPTEntry.zeroPlaced | EPTEntry.write | EPTEntry.large)
    let use = (entry.rawValue & (EPTEntry.accessed | EPTEntry.dirty)) >> 3
    return kept | use | X86Entry.present | X86Entry.user | (entry.isExecutable ? 0 : X86Entry.noExecute)
  }

  /// The leaf that a word in a frame is.
  @inlinable func leaf(_ word: UInt64) -> EPTEntry {
    guard self == .npt, word & X86Entry.present != 0 else { return EPTEntry(rawValue: word) }
    let kept = word & (EPTEntry.frameMask | EPTEntry.zeroPlaced | EPTEntry.write | EPTEntry.large)
    let use = (word & (X86Entry.accessed | X86Entry.dirty)) << 3
    let rights = EPTEntry.read | (word & X86Entry.noExecute == 0 ? EPTEntry.execute : 0)
    return EPTEntry(rawValue: kept | use | rights | EPTEntry.writeBack)
  }

  /// The word of an entry that points to a table and lets everything pass.
  /// - Parameter userExecute: whether bit 10 of EPT is a right.
  @inlinable public func table(_ frame: HostFrame, userExecute: Bool) -> UInt64 {
    switch self {
    case .ept: EPTEntry.table(frame).rawValue | (userExecute ? EPTEntry.userExecute : 0)
    case .npt: X86Entry.table(frame).rawValue
    }
  }

  /// Bit A of this format's entries; D is the next one up.
  @inlinable public var accessed: UInt64 { self == .ept ? EPTEntry.accessed : X86Entry.accessed }

  /// What an entry is to a processor that comes to it.
  public enum EntryKind: Hashable, Sendable {
    /// Not present: nothing else in it matters.
    case absent
    /// One that hardware does not accept: a misconfiguration of EPT's, a reserved bit of AMD's.
    case refused
    /// The end of a walk.
    case leaf
    /// The way to a table of the next level down.
    case table
  }

  /// What a word is as an entry of a level, for a processor.
  public func kind(of word: UInt64, level: Int, for controls: NestedControls) -> EntryKind {
    switch self {
    case .ept:
      let entry = EPTEntry(rawValue: word)
      guard word & controls.presentBits != 0 else { return .absent }
      if controls.isMisconfigured(entry, level: level) { return .refused }
      return controls.isLeaf(entry, level: level) ? .leaf : .table
    case .npt:
      let entry = X86Entry(rawValue: word)
      guard entry.isPresent else { return .absent }
      if word & entry.reservedBits(level: level, everywhere: controls.reservedAddressBits) != 0 { return .refused }
      if level == 3 && entry.isLarge && !controls.gigabytePages { return .refused }
      return entry.isLeaf(level: level) ? .leaf : .table
    }
  }
}
