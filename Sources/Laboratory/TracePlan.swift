public import Addressing
public import Guests
public import Traces
public import Translation
public import TranslationCaching

/// What `memlab trace` is asked to do with a stream: the ways of paging to compare, and the machine that all of them get.
public struct TracePlan: Sendable {
  /// The ways of paging, each with a host and a guest of its own.
  public var modes: [PagingMode]
  /// The processor's TLB and walk caches.
  public var tlb: TLBGeometry
  /// How the guest uses its processor.
  public var guest = StreamGuestOptions()
  /// The size of the pages that the host backs the guest with; see `hostPage(of:)`.
  public var hostPage = PageSize.size4K
  /// Levels of the host's tables for the guest: 4 or 5.
  public var hostLevels = 4
  /// What can be chosen about the ways of paging.
  public var paging = PagingOptions()
  /// What events cost.
  public var cost: CostPreset
  /// The guest's memory.
  public var memory: ByteSize
  /// How many accesses pass before counting begins: what they map and cache stays.
  public var warmUp: UInt64 = 0
  /// TLBs of one level that the stream's data accesses are counted on besides, all in the same pass.
  public var sweep: [TLBGeometry.Level] = []
  /// Whether each access is compared with the truth.
  public var checksStale = false

  /// A plan with defaults for the rest.
  public init(modes: [PagingMode], tlb: TLBGeometry, cost: CostPreset, memory: ByteSize) {
    self.modes = modes
    self.tlb = tlb
    self.cost = cost
    self.memory = memory
  }

  /// The size of the pages that the host backs the guest of a way of paging with.
  ///
  /// A native guest stands for bare hardware, where no host's smaller page cuts what a TLB entry holds: its pages are at least as large as those
  /// that its kernel gives.
  public func hostPage(of mode: PagingMode) -> PageSize {
    mode == .native && hostPage.bytes < guest.pageSize.bytes ? guest.pageSize : hostPage
  }

  /// The most memory that a guest may have: what a host can number, and the columns for it fit into a workstation.
  public static let mostMemory = ByteSize(bytes: 1 << 40)

  /// What is wrong with the plan's sizes, in words; nil where nothing is.
  public var problem: String? {
    let unit = max(guest.pageSize.bytes, hostPage.bytes)
    let least = ByteSize(bytes: max(16 << 20, 4 * unit))
    if modes.contains(.direct), guest.pageSize != .size4K { return "a guest whose memory is paged directly has pages of 4K only" }
    if memory < least { return "a guest with pages of \(guest.pageSize) on pages of \(hostPage) needs at least \(least) of memory" }
    if memory > Self.mostMemory { return "a guest can have at most \(Self.mostMemory) of memory" }
    if !memory.bytes.isMultiple(of: max(unit, 1 << 20)) { return "the memory is not a multiple of \(ByteSize(bytes: max(unit, 1 << 20)))" }
    return nil
  }

  /// The memory that a guest gets if nobody says: pages of 1 GiB need some of them.
  public static func usualMemory(for pageSize: PageSize) -> ByteSize { ByteSize(bytes: pageSize == .size1G ? 16 << 30 : 4 << 30) }
}

/// Why a stream cannot be run.
public enum TraceRunError: Error, Equatable, Sendable {
  /// The stream itself.
  case stream(TraceError)
  /// The guest under a way of paging cannot go on.
  case guest(PagingMode, StreamGuestError)
  /// No host can be built for it.
  case host(String)
}

extension TraceRunError: CustomStringConvertible {
  /// The reason in plain words.
  public var description: String {
    switch self {
    case .stream(let error): error.description
    case .guest(let mode, let error):
      if case .memoryFull = error { "error: \(error) with --memory" } else { "error: \(mode.rawValue) paging: \(error)" }
    case .host(let text): "error: \(text)"
    }
  }
}
