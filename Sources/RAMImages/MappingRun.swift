public import Addressing
public import PageTables

/// Mappings in a row: pages of one size that follow one another in both address spaces and have the same attributes.
@frozen public struct MappingRun: Hashable, Sendable {
  /// The first virtual address, canonical.
  public let address: GuestVirtualAddress
  /// The guest-physical address that it leads to.
  public let target: GuestPhysicalAddress
  /// How many pages there are.
  public fileprivate(set) var pages: UInt64
  /// The size of each.
  public let pageSize: PageSize
  /// What the levels above and the leaves let pass together.
  public let rights: X86Rights
  /// The bits of the leaves that all have in common: those that were asked for, the frame's excepted.
  public let leaf: X86Entry

  /// Bytes of the run.
  public var size: UInt64 { pages << pageSize.shift }

  /// A run of one page.
  fileprivate init(_ mapping: X86Mapping, leaf: X86Entry) {
    address = mapping.address
    target = mapping.frame.address
    pages = 1
    pageSize = mapping.size
    rights = mapping.rights
    self.leaf = leaf
  }

  /// Whether a mapping goes on where the run ends. The run of the last page of the address space ends at 0, where none begins after it.
  fileprivate func continues(with mapping: X86Mapping, leaf: X86Entry) -> Bool {
    mapping.address.rawValue == address.rawValue &+ size && mapping.frame.address.rawValue == target.rawValue &+ size
      && mapping.size == pageSize && mapping.rights == rights && leaf == self.leaf
  }
}

/// Which bits of leaves tell runs apart.
@frozen public enum LeafBits: Sendable {
  /// R/W, U/S, XD, G, A and D.
  case common
  /// These, PWT, PCD, PAT and the protection key.
  case all

  /// The bits, at a leaf of a size: PAT is bit 7 of a 4 KiB page's and bit 12 of a larger one's (Intel SDM 4.9.2).
  func mask(_ size: PageSize) -> UInt64 {
    let common = X86Entry.writable | X86Entry.user | X86Entry.noExecute | X86Entry.global | X86Entry.accessed | X86Entry.dirty
    guard self == .all else { return common }
    return common | MappingRun.writeThrough | MappingRun.cacheDisabled | X86Entry.keyMask | (size == .size4K ? 1 << 7 : 1 << 12)
  }
}

extension MappingRun {
  /// Bit 3 of an entry, PWT.
  static let writeThrough: UInt64 = 1 << 3
  /// Bit 4 of an entry, PCD.
  static let cacheDisabled: UInt64 = 1 << 4

  /// PWT of the leaves, where `LeafBits.all` was asked for.
  public var isWriteThrough: Bool { leaf.rawValue & Self.writeThrough != 0 }
  /// PCD of the leaves, where `LeafBits.all` was asked for.
  public var isCacheDisabled: Bool { leaf.rawValue & Self.cacheDisabled != 0 }
  /// PAT of the leaves, where `LeafBits.all` was asked for.
  public var hasPAT: Bool { leaf.rawValue & (pageSize == .size4K ? 1 << 7 : 1 << 12) != 0 }
  /// The protection key of the leaves, where `LeafBits.all` was asked for.
  public var protectionKey: UInt64 { (leaf.rawValue & X86Entry.keyMask) >> 59 }
}

extension X86Mappings {
  /// Calls `body` with every run, addresses ascending. Nothing is kept but the run that is being put together, so the memory needed does
  /// not depend on how much is mapped.
  /// - Returns: as `forEach`.
  /// - Throws: what `body` throws, at once.
  public func forEachRun<Failure: Error>(
    telling bits: LeafBits = .common, word: (GuestPhysicalAddress) -> UInt64?, _ body: (MappingRun) throws(Failure) -> Void
  ) throws(Failure) -> X86MappingsOutcome {
    var run: MappingRun?
    let outcome = try forEach(word: word) { mapping throws(Failure) in
      let leaf = X86Entry(rawValue: mapping.leaf.rawValue & bits.mask(mapping.size))
      if let last = run {
        if last.continues(with: mapping, leaf: leaf) {
          run?.pages += 1
          return
        }
        try body(last)
      }
      run = MappingRun(mapping, leaf: leaf)
    }
    if let run { try body(run) }
    return outcome
  }
}
