/// Min-max-shares with a tax on idle memory, as VMware ESX Server divides memory (Waldspurger, OSDI 2002, section 5).
///
/// A guest with S shares, P pages and an active fraction f pays rho = S / (P * (f + k * (1 - f))) a page, where an idle page costs
/// k = 1 / (1 - tau) times an active one. Memory goes from who pays least to who pays most until all pay the same, within each guest's
/// minimum and maximum. With the active amount A = f * P held fixed, P = S / rho up to A, and A + (S / rho - A) * (1 - tau) beyond: it
/// grows with 1 / rho, so the 1 / rho at which the guests together have all of the memory is found by bisection.
public struct IdleTaxPolicy: OvercommitPolicy {
  /// The numbers of the policy.
  public struct Parameters: Hashable, Sendable {
    /// The tax rate: 0 for shares alone, 1 to leave no idle page to anyone who pays less; ESX's default is 0.75. What lies outside is taken
    /// for the nearer end, not-a-number for 0.
    public var tau: Double = 0.75
    /// The memory to divide; nil for all that the host has for guests.
    public var memoryBytes: UInt64?

    /// The defaults.
    public init() {}
  }

  /// The parameters in use.
  public var parameters: Parameters

  /// The policy.
  public init(parameters: Parameters = Parameters()) { self.parameters = parameters }

  /// Divides the memory. Where the minima exceed it each guest has its minimum, and where the maxima do not reach it its maximum.
  public func targets(host: HostStatistics, guests: [GuestStatistics]) -> [MemoryTarget] {
    let memory = parameters.memoryBytes ?? host.totalBytes
    return zip(guests, divide(memory, among: guests)).map { MemoryTarget(name: $0.name, targetBytes: $1) }
  }

  /// How many halvings bring a double's 53 bits of mantissa to rest from any range that its exponent spans.
  static let bisections = 1200

  /// Each guest's part of an amount, in their order; whole bytes that add up to it unless minima or maxima forbid.
  public func divide(_ memory: UInt64, among guests: [GuestStatistics]) -> [UInt64] {
    let total = Double(memory)
    func sum(_ price: Double) -> Double { guests.reduce(0) { $0 + amount($1, bytesPerShare: price) } }
    var (low, high) = (0.0, 1.0)
    while sum(high) < total && high < 0x1p200 { high *= 2 }
    for _ in 0..<Self.bisections {
      let middle = (low + high) / 2
      guard middle > low && middle < high else { break }
      if sum(middle) < total { low = middle } else { high = middle }
    }
    return rounded(guests.map { amount($0, bytesPerShare: high) }, guests: guests, memory: memory)
  }

  /// What a guest has where 1 / rho is a number of bytes a share.
  func amount(_ guest: GuestStatistics, bytesPerShare: Double) -> Double {
    let tau = parameters.tau > 0 ? min(parameters.tau, 1) : 0
    let active = Double(min(guest.activeBytes, guest.maxBytes))
    let owed = Double(guest.shares) * bytesPerShare
    let untaxed = owed > active ? active + (owed - active) * (1 - tau) : owed
    return min(max(untaxed, Double(guest.minBytes)), Double(guest.maxBytes))
  }

  /// Whole bytes: fractions are cut off, and what that leaves goes to the largest of them, a byte each, the earlier guest first.
  private func rounded(_ amounts: [Double], guests: [GuestStatistics], memory: UInt64) -> [UInt64] {
    var bytes = zip(amounts, guests).map { min(UInt64(bytes: $0), $1.maxBytes) }
    let given = bytes.reduce(UInt128(0)) { $0 + UInt128($1) }
    guard given < UInt128(memory) else { return bytes }
    let fractions = amounts.map { $0 - Double(UInt64(bytes: $0)) }
    let fractional = amounts.indices.filter { fractions[$0] > 0 && bytes[$0] < guests[$0].maxBytes }
    let largestFirst = fractional.sorted { fractions[$0] != fractions[$1] ? fractions[$0] > fractions[$1] : $0 < $1 }
    for index in largestFirst.prefix(Int(clamping: UInt128(memory) - given)) { bytes[index] += 1 }
    return bytes
  }
}
