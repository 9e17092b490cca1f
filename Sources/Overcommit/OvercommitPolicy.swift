/// # Overcommit: dividing a host's memory among guests that were promised more
///
/// A policy reads what host and guests report and answers with a target for each guest; the balloons do the rest, at their own pace. So a
/// policy is a step from statistics to targets, with whatever it must remember between rounds, and knows nothing of pages.
///
/// The invariant: *targets depend on the statistics of this round and of earlier ones, and on nothing else*, and every policy answers any
/// statistics with a target for every guest. All amounts come from outside, some from guests, and may be any 64-bit numbers: sums are taken
/// in 128 bits, and ratios in double precision are brought back into range before they become integers.
///
/// What a target is worth is each policy's own promise. What none can promise is that guests obey: a target is a wish until
/// `actualBytes` follows.

/// A policy that divides a host's memory among its guests.
public protocol OvercommitPolicy: Sendable {
  /// One round: statistics in, a target for every virtual machine out, in the same order.
  mutating func targets(host: HostStatistics, guests: [GuestStatistics]) -> [MemoryTarget]
}
