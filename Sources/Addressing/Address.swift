/// # Addressing: three address spaces that cannot be confused
///
/// A host full of guests has three kinds of address. A program in a guest uses *guest virtual* addresses (GVA); the guest's page
/// tables turn them into *guest physical* ones (GPA); the hypervisor turns those into *host physical* ones (HPA). All three are
/// 64-bit numbers, and the classic mistake of such code is to use one for another. Here the space is part of the type:
/// `Address<GuestVirtual>` and `Address<GuestPhysical>` do not mix, and neither do their page numbers.
///
/// The invariant is simple: a value changes its space only where a translation is performed, and there it does so visibly, by
/// building a new address from a raw value.

/// A space that addresses belong to.
public protocol AddressSpace: Sendable {
  /// The field's abbreviation, "GVA", "GPA" or "HPA".
  static var abbreviation: String { get }
}

/// What programs in a guest see.
public enum GuestVirtual: AddressSpace {
  /// "GVA".
  public static let abbreviation = "GVA"
}

/// What a guest takes for physical memory.
public enum GuestPhysical: AddressSpace {
  /// "GPA".
  public static let abbreviation = "GPA"
}

/// The host's own memory.
public enum HostPhysical: AddressSpace {
  /// "HPA".
  public static let abbreviation = "HPA"
}

/// A byte address in one space.
@frozen public struct Address<Space: AddressSpace>: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The address as a number.
  public let rawValue: UInt64

  /// Takes a number for an address of this space.
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// The 4 KiB page that holds the address.
  @inlinable public var page: PageNumber<Space> { PageNumber(rawValue >> PageSize.size4K.shift) }

  /// The offset within the page of the given size that holds the address.
  @inlinable public func offset(in size: PageSize) -> UInt64 { rawValue & (size.bytes - 1) }

  /// The address of the first byte of the page of the given size that holds this one.
  @inlinable public func aligned(to size: PageSize) -> Address { Address(rawValue & ~(size.bytes - 1)) }

  /// The address `bytes` further on; wraps at 2^64, as hardware does.
  @inlinable public func advanced(by bytes: UInt64) -> Address { Address(rawValue &+ bytes) }

  /// Orders by number.
  @inlinable public static func < (a: Address, b: Address) -> Bool { a.rawValue < b.rawValue }
}

extension Address: CustomStringConvertible {
  /// "0x7f00", the form in which results print addresses.
  public var description: String { "0x" + String(rawValue, radix: 16) }
}

/// The number of a 4 KiB page in one space: its address shifted right by 12.
@frozen public struct PageNumber<Space: AddressSpace>: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The number.
  public let rawValue: UInt64

  /// Takes a number for a page number of this space.
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// Takes an index into a column for a page number of this space; the index must not be negative.
  @inlinable public init(_ index: Int) { self.rawValue = UInt64(index) }

  /// The address of the page's first byte. Of the number's 64 bits only the low 52 can matter to an address.
  @inlinable public var address: Address<Space> { Address(rawValue << PageSize.size4K.shift) }

  /// The address in this page that has the offset of another address in its own page: where a translation of that page leads it.
  @inlinable public func address<Other>(atOffsetOf other: Address<Other>) -> Address<Space> {
    Address(address.rawValue | other.offset(in: .size4K))
  }

  /// The number as an index into a column. Page numbers come from addresses of at most 52 bits, so it fits.
  @inlinable public var index: Int { Int(truncatingIfNeeded: rawValue) }

  /// The page `count` pages further on; wraps at 2^64.
  @inlinable public func advanced(by count: UInt64) -> PageNumber { PageNumber(rawValue &+ count) }

  /// Orders by number.
  @inlinable public static func < (a: PageNumber, b: PageNumber) -> Bool { a.rawValue < b.rawValue }
}

extension PageNumber: CustomStringConvertible {
  /// The number in hexadecimal, "0x7f".
  public var description: String { "0x" + String(rawValue, radix: 16) }
}

/// An address that a guest's program uses.
public typealias GuestVirtualAddress = Address<GuestVirtual>
/// An address that a guest takes for physical.
public typealias GuestPhysicalAddress = Address<GuestPhysical>
/// An address in the host's memory.
public typealias HostPhysicalAddress = Address<HostPhysical>

/// The number of a page that a guest's program uses.
public typealias GuestVirtualPage = PageNumber<GuestVirtual>
/// A guest frame number (GFN).
public typealias GuestFrame = PageNumber<GuestPhysical>
/// A host frame number (HFN; a "pfn" in Linux).
public typealias HostFrame = PageNumber<HostPhysical>
