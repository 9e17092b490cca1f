/// What a guest's kernel uses a page for, as /proc/kpageflags tells.
///
/// The bits are those of include/uapi/linux/kernel-page-flags.h, and two that the kernel shows to root only (fs/proc/page.c). The first
/// rule that fits decides:
///
/// 1. `unknown`: NOPAGE (20), no page frame there; HWPOISON (19), broken memory.
/// 2. `free`: BUDDY (10), set for every page of a free block.
/// 3. `slab`: SLAB (7).
/// 4. `kernel`: PGTABLE (26), OFFLINE (23: ballooned or unplugged), ZERO_PAGE (24), RESERVED (32).
/// 5. `huge`: HUGE (17), pages of hugetlbfs. Transparent huge pages (22) are anonymous or page cache like others.
/// 6. `anonymous`: ANON (12), KSM (21).
/// 7. `pageCache`: LRU (5), MMAP (11), UPTODATE (3), SWAPBACKED (14) or UNEVICTABLE (18) without ANON: pages of files, tmpfs and shared
///   memory included.
/// 8. A COMPOUND_TAIL (16) with none of these is of the kind of the page before it: older kernels mark only the first page of a large one.
/// 9. `kernel`: whatever else, in use without any of these: stacks, modules, drivers, and pages in per-processor free lists, which carry no
///   flag.
public enum PageKind: UInt8, CaseIterable, Sendable {
  /// Files' pages, those of tmpfs and shared memory included.
  case pageCache
  /// Processes' own pages.
  case anonymous
  /// The kernel's small objects.
  case slab
  /// Other pages that the kernel uses.
  case kernel
  /// Pages of hugetlbfs.
  case huge
  /// Pages that nobody uses.
  case free
  /// Nobody knows.
  case unknown

  /// The name that results use.
  public var name: String {
    switch self {
    case .pageCache: "page_cache"
    case .anonymous: "anonymous"
    case .slab: "slab"
    case .kernel: "kernel"
    case .huge: "huge"
    case .free: "free"
    case .unknown: "unknown"
    }
  }

  private static func bits(_ numbers: UInt64...) -> UInt64 { numbers.reduce(0) { $0 | 1 << $1 } }
  private static let unknownBits = bits(19, 20)
  private static let freeBits = bits(10)
  private static let slabBits = bits(7)
  private static let kernelBits = bits(23, 24, 26, 32)
  private static let hugeBits = bits(17)
  private static let anonymousBits = bits(12, 21)
  private static let pageCacheBits = bits(3, 5, 11, 14, 18)
  private static let tailBits = bits(16)

  /// The kind of a page with these flags.
  /// - Parameter before: the kind of the page before it, for the tails of large pages; nil if there is none.
  public init(flags: UInt64, before: PageKind?) {
    self =
      if flags & Self.unknownBits != 0 {
        .unknown
      } else if flags & Self.freeBits != 0 {
        .free
      } else if flags & Self.slabBits != 0 {
        .slab
      } else if flags & Self.kernelBits != 0 {
        .kernel
      } else if flags & Self.hugeBits != 0 {
        .huge
      } else if flags & Self.anonymousBits != 0 {
        .anonymous
      } else if flags & Self.pageCacheBits != 0 {
        .pageCache
      } else if flags & Self.tailBits != 0, let before {
        before
      } else {
        .kernel
      }
  }

  /// The kinds of pages in a row.
  public static func kinds(of flags: [UInt64]) -> [PageKind] {
    var kinds: [PageKind] = []
    kinds.reserveCapacity(flags.count)
    for word in flags { kinds.append(PageKind(flags: word, before: kinds.last)) }
    return kinds
  }
}
