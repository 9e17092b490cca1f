/// Proportional squeeze: every guest stands at the same fraction of its range, as XenServer's squeezed arranges it.
///
/// The surplus is what the host would have beyond `wantedBytes` if every guest shrank to its minimum; each gets the same fraction gamma
/// of its range from it. Drivers miss their targets by up to `inaccuracyBytes`, before and after, so twice that is not counted on.
///
/// Targets that free memory are set first, and only when none of those is left the ones that allocate, so the host is never asked for what
/// it has not got. A guest that makes no progress is stuck: the others take the slack, and it counts again when it moves.
public struct SqueezePolicy: OvercommitPolicy {
  /// The numbers of the policy.
  public struct Parameters: Hashable, Sendable {
    /// How much the host should have free; squeezed's slush fund by default.
    public var wantedBytes: UInt64 = 9 << 20
    /// How far from its target a driver may come to rest.
    public var inaccuracyBytes: UInt64 = 4 << 10
    /// The time between two rounds.
    public var intervalNanoseconds: UInt64 = 10_000_000_000
    /// How long a guest may be off its target without moving toward it.
    public var stuckAfterNanoseconds: UInt64 = 5_000_000_000

    /// The defaults.
    public init() {}
  }

  /// What a round decides.
  public struct Iteration: Hashable, Sendable {
    /// Each guest's target, in the order of the guests; a guest that is stuck or whose turn has not come keeps the one that it has.
    public var targets: [UInt64]
    /// The fraction of its range that each guest stands at, 0 to 1.
    public var gamma: Double
    /// Which guests are stuck.
    public var stuck: [Bool]
    /// Whether every guest that is not stuck has reached its target, and no target changes.
    public var isSettled: Bool
    /// How much of what is wanted cannot be had even with every guest that is not stuck at its minimum.
    public var shortfallBytes: UInt64
  }

  /// The parameters in use.
  public var parameters: Parameters
  private var progress: [String: Progress] = [:]
  private var nowNanoseconds: UInt64 = 0

  private struct Progress: Hashable, Sendable {
    var actual: UInt64
    var movedAtNanoseconds: UInt64
    var isStuck = false
  }

  /// The policy.
  public init(parameters: Parameters = Parameters()) { self.parameters = parameters }

  /// One round, an interval after the last.
  public mutating func targets(host: HostStatistics, guests: [GuestStatistics]) -> [MemoryTarget] {
    let iteration = iterate(freeBytes: host.freeBytes, guests: guests, nowNanoseconds: nowNanoseconds)
    nowNanoseconds = UInt64(clamping: UInt128(nowNanoseconds) + UInt128(parameters.intervalNanoseconds))
    return zip(guests, iteration.targets).map { MemoryTarget(name: $0.name, targetBytes: $1) }
  }

  /// One round at a given time.
  public mutating func iterate(freeBytes: UInt64, guests: [GuestStatistics], nowNanoseconds: UInt64) -> Iteration {
    let stuck = observe(guests, nowNanoseconds: nowNanoseconds)
    let active = guests.indices.filter { !stuck[$0] }
    let freeable = active.reduce(Int128(freeBytes)) { $0 + minFreeable(guests[$1]) }
    let surplus = max(0, freeable - Int128(parameters.wantedBytes))
    let ranges = active.reduce(Int128(0)) { $0 + Self.range(guests[$1]) }
    let gamma = ranges > 0 ? min(Double(surplus) / Double(ranges), 1) : 0
    var targets = guests.map(\.currentBytes)
    let wished = active.map { index in
      let part = UInt64(bytes: gamma * Double(Self.range(guests[index])))
      return min(UInt64(clamping: UInt128(guests[index].minBytes) + UInt128(part)), max(guests[index].maxBytes, guests[index].minBytes))
    }
    let frees = zip(active, wished).map { $1 < guests[$0].actualBytes && isOff(guests[$0], target: $1) }
    let isFreeing = frees.contains(true)
    for (position, index) in active.enumerated() where frees[position] == isFreeing { targets[index] = wished[position] }
    let changes = guests.indices.contains { targets[$0] != guests[$0].currentBytes }
    let waits = active.contains { isOff(guests[$0], target: guests[$0].currentBytes) }
    return Iteration(
      targets: targets, gamma: gamma, stuck: stuck, isSettled: !changes && !waits,
      shortfallBytes: UInt64(clamping: Int128(parameters.wantedBytes) - freeable))
  }

  /// What setting a guest's target to its minimum frees for certain.
  private func minFreeable(_ guest: GuestStatistics) -> Int128 {
    max(0, Int128(guest.actualBytes) - Int128(guest.minBytes) - 2 * Int128(parameters.inaccuracyBytes))
  }

  private static func range(_ guest: GuestStatistics) -> Int128 { max(0, Int128(guest.maxBytes) - Int128(guest.minBytes)) }

  private func isOff(_ guest: GuestStatistics, target: UInt64) -> Bool {
    (Int128(guest.actualBytes) - Int128(target)).magnitude > UInt128(parameters.inaccuracyBytes)
  }

  /// Notes who moved toward its target; guests that are gone are forgotten.
  private mutating func observe(_ guests: [GuestStatistics], nowNanoseconds: UInt64) -> [Bool] {
    var seen: [String: Progress] = [:]
    let stuck = guests.map { guest in
      var state = progress[guest.name] ?? Progress(actual: guest.actualBytes, movedAtNanoseconds: nowNanoseconds)
      let isOff = isOff(guest, target: guest.currentBytes)
      let shouldGrow = guest.currentBytes > guest.actualBytes
      let moved = shouldGrow ? guest.actualBytes > state.actual : guest.actualBytes < state.actual
      if !isOff || moved {
        state.movedAtNanoseconds = nowNanoseconds
        state.isStuck = false
      } else if nowNanoseconds > state.movedAtNanoseconds && nowNanoseconds - state.movedAtNanoseconds > parameters.stuckAfterNanoseconds {
        state.isStuck = true
      }
      state.actual = guest.actualBytes
      seen[guest.name] = state
      return state.isStuck
    }
    progress = seen
    return stuck
  }
}
