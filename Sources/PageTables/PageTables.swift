public import Addressing

/// # PageTables: tables are words in frames
///
/// A processor knows a page table only as 512 words of eight bytes in a frame, and so does this module: nothing here keeps a tree of
/// objects. `X86Entry` and `EPTEntry` read and build those words bit by bit; `X86Walk` and `GuestPhysicalMap.walk` go from table to
/// table as the hardware does, one load a level, and say how many loads they made.
///
/// The invariant: *what a walk answers is a function of the words in the frames and of nothing else*. The one cache here, of where the
/// leaves of a `GuestPhysicalMap` stand, holds the places of tables and never the value of an entry; a table stays where it is until the
/// whole map is destroyed, and what stood in a large leaf's place is forgotten when the leaf goes. A `GuestPhysicalMap` is walked on behalf
/// of one processor at a time, because it remembers the tables of its last walk.
///
/// Who writes the words: a guest writes its own tables by stores to its own memory, so this module only offers it the constructors of
/// entries; the hypervisor's map from guest-physical to host frames is a `GuestPhysicalMap`, whose tables come from the host's frame
/// allocator through `TableFrameSource`. A map lies in its frames in Intel's or AMD's words, as `NestedFormat` says and explains; both are
/// walked by one walk, which is told by masks what an entry of the format looks like. For nearly every entry one comparison says all: it
/// plainly points to a table, or plainly is a leaf. Whatever else it may be is looked at in the order of the specification.
///
/// What is not here: PAE and 32-bit paging, protection keys of supervisor pages, shadow stacks, sub-page permissions, and the #VE that bit
/// 63 of an EPT entry suppresses. x86-64 processors without 1 GiB pages are modelled for nested tables only (`NestedControls`).
///
/// Formats: Intel SDM volume 3, 4.5 (four- and five-level paging) and 29.3 (extended page tables); AMD APM volume 2, 15.25 (nested paging).

/// Where tables get their frames.
public protocol TableFrameSource: AnyObject {
  /// A frame of 4096 zero bytes, or nil where the host has none to give.
  func allocateTableFrame() -> HostFrame?
  /// Takes a frame back.
  func freeTableFrame(_ frame: HostFrame)
}

/// The host had no frame for a table.
public struct OutOfTableFrames: Error, Equatable {
  /// The error, which has nothing to add to its name.
  public init() {}
}
