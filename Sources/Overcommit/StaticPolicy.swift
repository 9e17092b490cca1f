/// Every guest keeps its whole memory: what a host does that never balloons.
public struct StaticPolicy: OvercommitPolicy {
  /// The policy.
  public init() {}

  /// Each guest's maximum.
  public func targets(host: HostStatistics, guests: [GuestStatistics]) -> [MemoryTarget] {
    guests.map { MemoryTarget(name: $0.name, targetBytes: $0.maxBytes) }
  }
}
