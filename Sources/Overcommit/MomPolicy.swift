/// Thresholds of free memory, as oVirt's Memory Overcommit Manager ships them (mom, `balloon.rules`).
///
/// While less than `pressure` of the host is free, every guest shrinks: its own free memory is scaled down with the host's, and below
/// `critical` to less than none, which makes it swap. Otherwise every guest grows. Neither happens faster than `maxChange` a
/// round, except that a guest is never left below what it uses and its part of free memory, and a change under `minChange` is not worth a
/// command. The caller averages the statistics, if they are to be averaged (mom takes ten samples, 5 s apart).
public struct MomPolicy: OvercommitPolicy {
  /// The numbers of the rules, as fractions.
  public struct Parameters: Hashable, Sendable {
    /// The free part of the host below which guests shrink.
    public var pressure = 0.20
    /// The free part of the host at which guests are made to swap.
    public var critical = 0.05
    /// The free part that a guest keeps when the host is at ease.
    public var minGuestFree = 0.20
    /// The most that a guest changes in a round, as a part of what it has.
    public var maxChange = 0.05
    /// The least change that is made.
    public var minChange = 0.0025

    /// The defaults.
    public init() {}
  }

  /// The parameters in use.
  public var parameters: Parameters

  /// The policy.
  public init(parameters: Parameters = Parameters()) { self.parameters = parameters }

  /// One round; a guest that does not change keeps the target that it has.
  public func targets(host: HostStatistics, guests: [GuestStatistics]) -> [MemoryTarget] {
    let free = host.totalBytes > 0 ? Double(host.freeBytes) / Double(host.totalBytes) : 0
    return guests.map { guest in
      let bytes = free < parameters.pressure ? shrunk(guest, hostFree: free) : grown(guest)
      let change = (Double(bytes) - Double(guest.actualBytes)).magnitude
      let isWorthIt = bytes != guest.actualBytes && change >= parameters.minChange * Double(guest.actualBytes)
      return MemoryTarget(name: guest.name, targetBytes: isWorthIt ? bytes : guest.currentBytes)
    }
  }

  /// What a guest has after shrinking; never more than it has.
  func shrunk(_ guest: GuestStatistics, hostFree: Double) -> UInt64 {
    let goal = hostFree <= parameters.critical ? hostFree - parameters.critical : parameters.minGuestFree * hostFree / parameters.pressure
    let wished = max((1 - parameters.maxChange) * Double(guest.actualBytes), floor(guest, free: goal))
    return min(UInt64(bytes: wished), guest.actualBytes)
  }

  /// What a guest has after growing; never less than it has, nor more than its maximum unless it has that already.
  func grown(_ guest: GuestStatistics) -> UInt64 {
    let wished = max((1 + parameters.maxChange) * Double(guest.actualBytes), floor(guest, free: parameters.minGuestFree))
    return max(min(UInt64(bytes: wished), guest.maxBytes), guest.actualBytes)
  }

  /// The least that a guest may have if a part of it is to be free.
  private func floor(_ guest: GuestStatistics, free: Double) -> Double {
    let used = Double(guest.actualBytes) - Double(min(guest.freeBytes, guest.actualBytes))
    return max(Double(guest.minBytes), used + free * Double(guest.actualBytes))
  }
}
