/// One record of an access stream, in a word: an access, or something else that happened between two accesses.
///
/// An access is its address with bits 2:0 replaced: bits 1:0 the kind, bit 2 set in supervisor mode. Translation does not look at the three
/// lowest bits of an address. Kind 3 marks an event: bits 7:2 tell which, bits 63:8 its argument.
@frozen public struct AccessRecord: Hashable, Sendable, BitwiseCopyable {
  /// The word.
  public let rawValue: UInt64

  /// Takes a word for a record.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// An access. One that crosses a page is two records.
  @inlinable public init(_ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege = .user) {
    rawValue = address.rawValue & ~7 | UInt64(privilege.rawValue) << 2 | UInt64(kind.rawValue)
  }

  /// An event with an argument below 2^56.
  @inlinable public init(_ event: StreamEvent, _ argument: UInt64 = 0) {
    rawValue = argument << 8 | UInt64(event.rawValue) << 2 | 3
  }

  /// Whether it is an event.
  @inlinable public var isEvent: Bool { rawValue & 3 == 3 }
  /// Of an access: the address, without its three lowest bits.
  @inlinable public var address: GuestVirtualAddress { GuestVirtualAddress(rawValue & ~7) }
  /// Of an access: the kind.
  @inlinable public var kind: AccessKind { AccessKind(rawValue: UInt8(truncatingIfNeeded: rawValue & 3)) ?? .read }
  /// Of an access: whether it is a fetch.
  @inlinable public var isFetch: Bool { rawValue & 3 == 2 }
  /// Of an access: the mode.
  @inlinable public var privilege: Privilege { rawValue & 4 == 0 ? .user : .supervisor }
  /// Bits 2:0 of an access: kind and mode as an index below 8.
  @inlinable public var mode: Int { Int(truncatingIfNeeded: rawValue & 7) }
  /// Of an event: which; nil for a number that no event has.
  @inlinable public var event: StreamEvent? { StreamEvent(rawValue: UInt8(truncatingIfNeeded: rawValue >> 2 & 63)) }
  /// Of an event: its argument.
  @inlinable public var argument: UInt64 { rawValue >> 8 }
}

/// What happens in an access stream besides accesses. The guest's kernel carries it out: stores to page tables, loads of CR3, INVLPG.
@frozen public enum StreamEvent: UInt8, CaseIterable, Sendable {
  /// The process with the number in the argument runs from now on; a new number is a new process with nothing mapped.
  case run
  /// The running process forks; the argument is the child's number. All its pages become shared, copied on the next write.
  case fork
  /// The running process executes another program: all its pages are unmapped.
  case exec
  /// The process with the number in the argument ends.
  case exit
  /// The first page of a range, as an argument to the event that follows.
  case range
  /// The running process unmaps as many pages as the argument says, from the page of the `range` before.
  case unmap
  /// As `unmap`, but the pages become read-only.
  case protect
  /// As `unmap`, but the pages become writable again.
  case unprotect
  /// The kernel rewrites the level-1 entry of the page in the argument with the same translation and tells the processor: a page-table
  /// update and nothing else.
  case rewrite
  /// The processor leaves the guest and comes back: a timer's or a device's exit.
  case worldSwitch
  /// The kernel asks for the service in the argument without touching memory: a system call (0), an `in` (1), a load of CR8 (2), a call
  /// and return (3), a division by zero (4). Counted, for cost presets that know its cost.
  case operation
  /// As `unmap`, but the running process is given every page that it does not have yet, before it touches any.
  case populate
}
