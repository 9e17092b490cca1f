public import Addressing

/// Why a guest cannot go on with an access stream.
public enum StreamGuestError: Error, Equatable, Sendable {
  /// Its memory is full.
  case memoryFull(memory: ByteSize, accesses: UInt64)
  /// The host has no memory left for it.
  case hostFull(accesses: UInt64)
  /// An address that its number of levels does not reach.
  case notCanonical(GuestVirtualAddress, levels: Int, accesses: UInt64)
  /// A process is to be made by a fork that exists already.
  case processExists(UInt64)
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
      "address \(address), after \(accesses) accesses, is not one that \(levels) levels of page tables can map"
        + (levels == 4 ? "; use 5 levels" : "")
    case .processExists(let number): "a process forks process \(number), which exists already"
    case .unknownEvent(let word): "the stream has an event that nobody knows: 0x\(String(word, radix: 16))"
    case .hypercallRefused(let accesses): "the hypervisor refused a change of the guest's page tables after \(accesses) accesses"
    case .smallPagesOnly(let size): "under direct paging a guest has pages of 4K only, not of \(size)"
    case .unresolvedFault(let address): "the guest's kernel cannot resolve a page fault at \(address)"
    }
  }
}
