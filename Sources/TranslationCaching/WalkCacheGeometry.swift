/// The sizes of the caches that shorten a walk; each may be absent.
public struct WalkCacheGeometry: Hashable, Sendable {
  /// A cache's size.
  public typealias Size = TLBGeometry.Level

  /// Guest dimension: entries of level 5, 4, 3 and 2 tables, each by the address bits that chose it and those above.
  public var pml5e, pml4e, pdpte, pde: Size?
  /// Host dimension: entries of EPT tables of the same levels, by guest-physical address.
  public var epml5e, epml4e, epdpte, epde: Size?
  /// Nested TLB: guest-physical pages to host frames.
  public var ntlb: Size?

  /// No walk caches.
  public static let none = WalkCacheGeometry()

  /// Middling sizes of what processors since 2008 are known to have, each fully associative: PML5E and PML4E 4 entries, PDPTE 8, PDE 32
  /// in both dimensions, 32 in the nested TLB. No one processor's.
  public static let typical: WalkCacheGeometry = {
    var typical = WalkCacheGeometry()
    (typical.pml5e, typical.epml5e) = (full(4), full(4))
    (typical.pml4e, typical.epml4e) = (full(4), full(4))
    (typical.pdpte, typical.epdpte) = (full(8), full(8))
    (typical.pde, typical.epde) = (full(32), full(32))
    typical.ntlb = full(32)
    return typical
  }()

  private init() {}

  static func full(_ entries: Int) -> Size? { try? TLBGeometry.Level(entries: entries, ways: entries) }

  /// The names that texts use, in the order in which descriptions show them.
  static let names: [(name: String, path: any WritableKeyPath<WalkCacheGeometry, Size?> & Sendable)] = [
    ("pml5e", \.pml5e), ("pml4e", \.pml4e), ("pdpte", \.pdpte), ("pde", \.pde), ("epml5e", \.epml5e), ("epml4e", \.epml4e),
    ("epdpte", \.epdpte), ("epde", \.epde), ("ntlb", \.ntlb),
  ]

  /// Every cache's name and size.
  public var all: [(name: String, size: Size?)] { Self.names.map { ($0.name, self[keyPath: $0.path]) } }

  /// Whether there is any.
  public var isEmpty: Bool { self == .none }

  /// The guest's cache of entries of tables of a level, 2 to 5.
  func guest(level: Int) -> Size? { [pde, pdpte, pml4e, pml5e][level - 2] }
  /// The host's.
  func host(level: Int) -> Size? { [epde, epdpte, epml4e, epml5e][level - 2] }
}
