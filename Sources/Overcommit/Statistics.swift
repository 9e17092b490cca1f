/// What a policy knows of the host.
public struct HostStatistics: Hashable, Sendable {
  /// All memory that guests may be given.
  public var totalBytes: UInt64
  /// Memory in use.
  public var usedBytes: UInt64
  /// Memory free.
  public var freeBytes: UInt64

  /// The three amounts.
  public init(totalBytes: UInt64, usedBytes: UInt64, freeBytes: UInt64) {
    self.totalBytes = totalBytes
    self.usedBytes = usedBytes
    self.freeBytes = freeBytes
  }
}

/// What a policy knows of one virtual machine.
public struct GuestStatistics: Hashable, Sendable {
  /// Its name.
  public var name: String
  /// The least memory that it may be left with.
  public var minBytes: UInt64
  /// Its whole memory.
  public var maxBytes: UInt64
  /// The target that was last set.
  public var currentBytes: UInt64
  /// What its balloon leaves it now.
  public var actualBytes: UInt64
  /// Free memory, as the guest reports it.
  public var freeBytes: UInt64
  /// Memory in active use, as the host estimates it.
  public var activeBytes: UInt64
  /// Its weight against the others.
  public var shares: UInt64

  /// All fields.
  public init(
    name: String, minBytes: UInt64, maxBytes: UInt64, currentBytes: UInt64, actualBytes: UInt64, freeBytes: UInt64, activeBytes: UInt64,
    shares: UInt64
  ) {
    self.name = name
    self.minBytes = minBytes
    self.maxBytes = maxBytes
    self.currentBytes = currentBytes
    self.actualBytes = actualBytes
    self.freeBytes = freeBytes
    self.activeBytes = activeBytes
    self.shares = shares
  }
}

/// How much memory a policy wants a virtual machine to have.
public struct MemoryTarget: Hashable, Sendable {
  /// The virtual machine.
  public var name: String
  /// Its memory, balloon subtracted.
  public var targetBytes: UInt64

  /// A name and an amount.
  public init(name: String, targetBytes: UInt64) {
    self.name = name
    self.targetBytes = targetBytes
  }
}
