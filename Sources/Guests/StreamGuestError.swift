public import Addressing
internal import PageTables

/// Why a guest cannot go on with an access stream.
public enum StreamGuestError: Error, Equatable, Sendable {
  /// Its memory is full.
  case memoryFull(memory: ByteSize, accesses: UInt64)
  /// The host has no memory left for it.
  case hostFull(accesses: UInt64)
  /// An address that its number of levels does not reach.
  case notCanonical(GuestVirtualAddress, levels: Int, accesses: UInt64)
  /// A range of pages that begins or ends where its number of levels does not reach, or in another half of the address space.
  case rangeNotCanonical(GuestVirtualAddress, pages: UInt64, levels: Int, accesses: UInt64)
  /// A process is to be made by a fork that exists already.
  case processExists(UInt64, accesses: UInt64)
  /// An event or operation of a number that has no meaning.
  case unknownEvent(UInt64)
  /// An access that its kernel's page-fault handler does not get to pass.
  case unresolvedFault(GuestVirtualAddress)
  /// The hypervisor of a direct guest refused a change of its page tables.
  case hypercallRefused(accesses: UInt64)
  /// A direct guest was asked for large pages, which its hypervisor does not validate.
  case smallPagesOnly(PageSize)
}

extension StreamGuestError: CustomStringConvertible {
  /// The reason in plain words, to be printed after "error: ".
  public var description: String {
    switch self {
    case .memoryFull(let memory, let accesses): "the guest's memory of \(memory) is full after \(accesses) accesses; give it more"
    case .hostFull(let accesses): "the host has no memory left for the guest after \(accesses) accesses"
    case .notCanonical(let address, let levels, let accesses):
      "address \(address), after \(accesses) accesses, is not canonical with \(levels) levels of page tables: bits 63:\(levels * 9 + 11) must be equal"
        + (levels == 4 && X86Index.isCanonical(address, levels: 5) ? "; with 5 levels it is" : "")
    case .rangeNotCanonical(let first, let pages, let levels, let accesses):
      "the range of \(pages) pages from \(first), after \(accesses) accesses, leaves what \(levels) levels of page tables can map: it lies in one half of the address space, or the other"
    case .processExists(let number, let accesses):
      "after \(accesses) accesses a process forks process \(number), which exists already; an exit of \(number) should come before"
    case .unknownEvent(let word): "the stream has an event that nobody knows: 0x\(String(word, radix: 16))"
    case .hypercallRefused(let accesses): "the hypervisor refused a change of the guest's page tables after \(accesses) accesses"
    case .smallPagesOnly(let size): "under direct paging a guest has pages of 4K only, not of \(size)"
    case .unresolvedFault(let address): "the guest's kernel cannot resolve a page fault at \(address)"
    }
  }
}
