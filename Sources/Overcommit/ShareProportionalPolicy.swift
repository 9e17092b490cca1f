/// Share-proportional balancing, as Proxmox VE does it every 10 s (pve-manager, `PVE::AutoBalloon` and `pvestatd`).
///
/// The host should use `hostTargetPercent` of its memory; the difference to what it uses is the goal of a round. Guests above their
/// minima are given that surplus in proportion to their shares. When the host can give, guests under memory pressure come first; when it
/// must take, guests with memory to spare do. Only if those cannot move at all does everybody take part.
///
/// A round moves no guest by more than `maxChangeBytes` and none beyond its minimum and maximum.
///
/// A guest's memory is its `actualBytes`, as Proxmox VE uses what the balloon reports, so a guest that lags behind its target is not driven
/// further each round than the cap allows.
///
/// A round need not meet its goal. While the host gives, a guest above its fair part shrinks as well; where the cap holds it back the
/// others grow by more than the goal, and one that leaves the sums keeps what was taken from it, even if that is more than was needed. The
/// next round sees what came of it and corrects it. So it is with Proxmox VE: both were compared on random hosts, byte for byte.
public struct ShareProportionalPolicy: OvercommitPolicy {
  /// The numbers that Proxmox VE fixes.
  public struct Parameters: Hashable, Sendable {
    /// How much of its memory the host should use, in percent; more than 100 is taken for 100.
    public var hostTargetPercent: UInt64 = 80
    /// The most that a guest changes in a round.
    public var maxChangeBytes: UInt64 = 100 << 20
    /// A goal no larger than this, up or down, is left alone.
    public var deadBandBytes: UInt64 = 10 << 20

    /// The defaults.
    public init() {}
  }

  /// What a call of `balance` comes to.
  public struct Balance: Hashable, Sendable {
    /// Each guest's memory, in the order of the guests; a guest that did not move has its `actualBytes`.
    public var bytes: [UInt64]
    /// What is left of the goal.
    public var remainder: Int64
    /// Rounds that moved something.
    public var rounds: Int
    /// Whether a further round would move nothing; always false after a single round that moved something.
    public var isStable: Bool
  }

  /// The parameters in use.
  public var parameters: Parameters

  /// The policy.
  public init(parameters: Parameters = Parameters()) { self.parameters = parameters }

  /// How much the guests together may grow, or must shrink if negative: int(total * percent / 100 - used).
  public func goal(host: HostStatistics) -> Int64 {
    let percent = Int128(min(parameters.hostTargetPercent, 100))
    return Int64(clamping: (Int128(host.totalBytes) * percent - Int128(host.usedBytes) * 100) / 100)
  }

  /// One round. A guest that does not move, or has no shares, keeps the target that it has.
  public func targets(host: HostStatistics, guests: [GuestStatistics]) -> [MemoryTarget] {
    let balance = balance(goal: goal(host: host), guests: guests)
    return zip(guests, balance.bytes).map { guest, bytes in
      MemoryTarget(name: guest.name, targetBytes: bytes == guest.actualBytes ? guest.currentBytes : bytes)
    }
  }

  /// The most rounds of a `balance` until stable: parameters may ask for steps of one byte.
  public static let roundLimit = 100_000
  /// The most passes of a round over its guests, against amounts that cannot be balanced (a minimum above a maximum).
  static let passLimit = 1000

  /// Moves guests toward a goal: one round, or until a round moves nothing.
  ///
  /// Between rounds a guest's free memory changes by its own change, but not below 0, and what was moved leaves the goal.
  public func balance(goal: Int64, guests: [GuestStatistics], untilStable: Bool = false) -> Balance {
    var guests = guests
    var remainder = Int128(goal)
    var rounds = 0
    var moved = true
    while moved && rounds < (untilStable ? Self.roundLimit : 1) {
      let bytes = round(goal: remainder, guests: guests)
      moved = false
      for index in guests.indices where bytes[index] != guests[index].actualBytes {
        let change = Int128(bytes[index]) - Int128(guests[index].actualBytes)
        guests[index].freeBytes = UInt64(clamping: Int128(guests[index].freeBytes) + change)
        guests[index].actualBytes = bytes[index]
        remainder -= change
        moved = true
      }
      if moved { rounds += 1 }
    }
    return Balance(bytes: guests.map(\.actualBytes), remainder: Int64(clamping: remainder), rounds: rounds, isStable: !moved)
  }

  private func round(goal: Int128, guests: [GuestStatistics]) -> [UInt64] {
    var share = ShareRound(guests: guests, maxChange: Int128(parameters.maxChangeBytes))
    guard goal.magnitude > UInt128(parameters.deadBandBytes) else { return guests.map(\.actualBytes) }
    let everybody = guests.indices.filter { guests[$0].shares > 0 }
    let first = everybody.filter { Self.isComfortable(guests[$0]) == (goal < 0) }
    let rest = share.distribute(goal, among: first, passes: Self.passLimit)
    // No progress toward the goal: those who should come first cannot move, so all take part.
    if goal > 0 ? rest >= goal : rest <= goal { _ = share.distribute(rest, among: everybody, passes: Self.passLimit) }
    return share.values.map { UInt64(clamping: $0) }
  }

  /// More than a quarter of its minimum free, and no less memory than its minimum.
  static func isComfortable(_ guest: GuestStatistics) -> Bool {
    4 * UInt128(guest.freeBytes) > UInt128(guest.minBytes) && guest.actualBytes >= guest.minBytes
  }
}

/// The state of one round: where each guest began and where it is now.
private struct ShareRound {
  let guests: [GuestStatistics]
  let maxChange: Int128
  var values: [Int128]

  init(guests: [GuestStatistics], maxChange: Int128) {
    self.guests = guests
    self.maxChange = maxChange
    values = guests.map { Int128($0.actualBytes) }
  }

  /// Gives (or takes) an amount in proportion to shares, pass by pass while something moves.
  ///
  /// The cap counts from the round's start, not from the pass before. A guest whose fair amount is where it began leaves both sums, so
  /// the others share what it does not want.
  /// - Returns: what could not be placed.
  mutating func distribute(_ amount: Int128, among participants: [Int], passes: Int) -> Int128 {
    var left = participants
    var rest = amount
    for _ in 0..<passes {
      guard rest != 0 else { break }
      let surplus = left.reduce(rest) { $0 + values[$1] - Int128(guests[$1].minBytes) }
      let shares = left.reduce(Int128(0)) { $0 + Int128(guests[$1].shares) }
      var staying: [Int] = []
      var changes: Int128 = 0
      var moved = false
      for index in left {
        let start = Int128(guests[index].actualBytes)
        let desired = fairAmount(index, surplus: surplus, shares: shares)
        let value: Int128
        if amount > 0 && desired > start {
          value = min(desired, start + maxChange)
        } else if desired < start {
          value = max(desired, start - maxChange)
        } else {
          continue
        }
        staying.append(index)
        moved = moved || value != values[index]
        changes += value - values[index]
        values[index] = value
      }
      rest -= changes
      left = staying
      guard moved else { break }
    }
    return rest
  }

  /// Minimum plus share of the surplus, within minimum and maximum. In double precision and in this order because Proxmox VE computes so
  /// (Perl), to the byte.
  private func fairAmount(_ index: Int, surplus: Int128, shares: Int128) -> Int128 {
    let guest = guests[index]
    let desired = Int128(guest.minBytes) + Int128(bytes: Double(surplus) / Double(shares) * Double(guest.shares))
    if desired > Int128(guest.maxBytes) { return Int128(guest.maxBytes) }
    return max(desired, Int128(guest.minBytes))
  }
}
