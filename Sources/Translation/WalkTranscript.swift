public import Addressing
public import PageTables

/// # Walk transcripts: every memory reference of one walk, in hardware's order
///
/// A walk in a guest with nested paging has two dimensions. Each entry of the guest's tables lies at a guest-physical address, which the host's
/// tables have to translate before the entry can be read; and so does the page's own guest-physical address at the end. With g guest levels over
/// h host levels that is g times (h + 1) references, and h more: (g + 1)(h + 1) - 1, which is 24 for four over four.
///
/// A transcript tells them one by one: which table of which dimension, where the entry lies, the word that was read, what it means, and where it
/// leads; at the end, the page or the reason why there is none.
///
/// The invariant: *a step for each word that a processor without walk caches would load, and none else*. It holds because `WalkRecorder` learns
/// every address from words that it loaded before; and the closed form checks it from outside. Setting the bits A and D, which hardware does in
/// entries that it has loaded already, is no reference of its own and is not shown.

/// One memory reference of a walk.
public struct WalkStep: Hashable, Sendable {
  /// Whose tables an entry belongs to.
  public enum Dimension: String, Hashable, Sendable {
    /// The guest's own; of a walk of one dimension, the only ones.
    case guest
    /// The hypervisor's, which translate guest-physical addresses.
    case host
    /// The hypervisor's in agile paging, which stand for the guest's upper tables and lead to host-physical addresses.
    case shadow
  }

  /// What an entry says.
  public enum Meaning: Hashable, Sendable {
    /// The next table of the same dimension begins at this physical address of that dimension.
    case table(at: UInt64)
    /// The address that was looked up is at this physical address, in a page of this size.
    case page(at: UInt64, PageSize)
    /// Nothing: it is not present.
    case notPresent
    /// Nothing: a reserved bit is set or, in a host entry, the combination of bits is one that hardware refuses.
    case malformed
    /// A page that the access may not use.
    case refused
  }

  /// Its place in the order of references, from 1.
  public let number: Int
  /// Whose table was read.
  public let dimension: Dimension
  /// The level of that table; 1 is nearest to the page.
  public let level: Int
  /// The level of the guest's entry that is to be read with the help of this reference, or is read by it; 0 where it is the page itself.
  public let guestLevel: Int
  /// The entry's index in its table, 0 to 511.
  public let index: Int
  /// Of an entry of the guest's: its guest-physical address; nil in the table that a shadow led to. In a walk of one dimension, its physical address.
  public let guestAddress: GuestPhysicalAddress?
  /// Where the word was read in the host's memory; nil in a walk of one dimension.
  public let hostAddress: HostPhysicalAddress?
  /// The word.
  public let word: UInt64
  /// What it says.
  public let meaning: Meaning
}

/// How a recorded walk ended.
public enum WalkOutcome: Hashable, Sendable {
  /// At the page.
  case mapped(WalkTarget)
  /// The guest gets a page fault with this error code.
  case pageFault(PageFaultErrorCode)
  /// The hypervisor gets an EPT violation with this exit qualification (Intel SDM table 28-7) for this guest-physical address; over AMD's tables a nested
  /// page fault with this error code (APM volume 2, 15.25.6).
  case violation(UInt64, GuestPhysicalAddress)
  /// The hypervisor gets an EPT misconfiguration for this guest-physical address.
  case misconfiguration(GuestPhysicalAddress)
  /// Nobody knows: the entry that comes next lies where the memory that was given has nothing.
  case noMemory(at: UInt64)
  /// Nothing was read: the address is not canonical, and the guest gets a general-protection fault.
  case notCanonical
}

/// Where an address leads.
public struct WalkTarget: Hashable, Sendable {
  /// The guest-physical address; in a walk of one dimension, the physical one.
  public let guestAddress: GuestPhysicalAddress
  /// The size of the guest's page.
  public let guestPage: PageSize
  /// What the guest's tables let pass.
  public let rights: X86Rights
  /// The host-physical address; nil in a walk of one dimension.
  public let hostAddress: HostPhysicalAddress?
  /// The size of the host's page; nil in a walk of one dimension.
  public let hostPage: PageSize?
}

/// One walk, reference by reference.
public struct WalkTranscript: Hashable, Sendable {
  /// The address that was looked up.
  public let address: GuestVirtualAddress
  /// The access that it was looked up for.
  public let access: AccessKind
  /// The mode of the access.
  public let privilege: Privilege
  /// The guest's top table.
  public let root: GuestPhysicalAddress
  /// Levels of the guest's tables: 4 or 5.
  public let guestLevels: Int
  /// The host's top table; nil in a walk of one dimension.
  public let hostRoot: HostPhysicalAddress?
  /// Levels of the host's tables; 0 in a walk of one dimension.
  public let hostLevels: Int
  /// In whose words the host's tables lie.
  public let hostFormat: NestedFormat
  /// Whether the processor tells fetches from user pages from those from a kernel's: bit 10 of EPT entries is a right.
  public let modeBasedExecute: Bool
  /// The references, in order.
  public let steps: [WalkStep]
  /// How it ended.
  public let outcome: WalkOutcome

  /// References that a complete walk makes: (g + 1)(h + 1) - 1, for `guest` entries read of the guest's tables and `host` of the host's, each
  /// time that they are walked. With no host's tables that is g.
  public static func references(guest: Int, host: Int) -> Int { (guest + 1) * (host + 1) - 1 }

  /// How many different words were read: what a cache of all upper entries would leave of a walk.
  public var distinctWords: Int { Set(steps.map(place)).count }

  /// Whether an earlier reference read the same word.
  public func isRepeated(_ step: WalkStep) -> Bool { steps.prefix(step.number - 1).contains { place($0) == place(step) } }

  private func place(_ step: WalkStep) -> UInt64 { step.hostAddress?.rawValue ?? step.guestAddress?.rawValue ?? 0 }

  /// Whether the host address of the first of the guest's tables was known, from a shadow table or from the hypervisor: g + nh references, where the
  /// n lowest of g levels are the guest's own.
  public var switches: Bool { hostRoot != nil && steps.first.map { $0.dimension != .host } ?? false }

  /// How many levels of shadow tables were read before the guest's own.
  public var shadowDepth: Int { steps.count { $0.dimension == .shadow } }

  /// How many levels of the guest's tables were read.
  public var guestDepth: Int { steps.count { $0.dimension == .guest } }

  /// The most levels of the host's tables that were read in a row.
  public var hostDepth: Int {
    var counts = [Int](repeating: 0, count: guestLevels + 1)
    for step in steps where step.dimension == .host { counts[step.guestLevel] += 1 }
    return counts.max() ?? 0
  }
}
