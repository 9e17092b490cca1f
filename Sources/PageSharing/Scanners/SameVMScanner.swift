public import Addressing

/// Linux KSM confined: one scanner for each virtual machine (or tenant), scanned in turn, so that no frame is ever shared across.
///
/// What a guest writes can then tell nothing about another guest's pages, which is why vendors confine sharing so. The closed form: on
/// memory that stays still, what is saved is what each domain saves by itself. Zero pages, where `use_zero_pages` is on, go to the host's
/// zero page, which every guest maps anyway.
///
/// A batch goes on from one domain to the next until its budget is spent or the last domain's full scan is over, so a full scan is one of
/// all domains. Each domain has the items and trees of a KSM of its own; the columns behind them reach over all pages and frames of
/// the host and are touched where the domain's pages and frames are.
public final class SameVMScanner<Memory: ScannableMemory>: PageScanner {
  private let memory: Memory
  private let settings: ScannerSettings
  private let capacity: Int
  private let frameCount: Int
  private let numaNodes: Int
  private let owners: FrameOwners
  private var domains: [Domain] = []
  /// The spaces' pages, with the number of each space's domain for a tenant.
  private let list: SpaceList
  /// Each space's number in its domain.
  private var spaces: [Space] = []
  private var nextDomain: UInt32 = 1
  /// Whose turn it is.
  private var turn = 0
  private var fullScans: UInt64 = 0
  /// What domains that are gone had counted.
  private var past = KSMCounters()
  private var pastWork = ScanWork()

  private struct Domain {
    let number: UInt32
    let tenant: UInt32
    let scanner: KSMPageScanner<DomainMemory<Memory>>
    var spaceCount = 0
  }

  private struct Space {
    let id: SpaceID
    let domain: UInt32
    let inner: SpaceID
  }

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - settings: KSM's knobs and the domain's.
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  ///   - numaNodes: how many NUMA nodes it has.
  public init(settings: ScannerSettings, memory: Memory, capacity: Int, frameCount: Int, numaNodes: Int = 1) {
    self.memory = memory
    self.settings = settings
    self.capacity = capacity
    self.frameCount = frameCount
    self.numaNodes = numaNodes
    owners = FrameOwners(frameCount: frameCount)
    list = SpaceList(capacity: capacity)
  }

  /// Adds an address space, to its tenant's domain or as one of its own.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID {
    let index = settings.sameVM.domain == .tenant ? domains.firstIndex { $0.tenant == tenant && $0.spaceCount > 0 } : nil
    let domain = index ?? addDomain(tenant)
    domains[domain].spaceCount += 1
    let id = list.register(pages, tenant: domains[domain].number)
    let inner = domains[domain].scanner.register(pages, tenant: tenant)
    spaces.append(Space(id: id, domain: domains[domain].number, inner: inner))
    return id
  }

  private func addDomain(_ tenant: UInt32) -> Int {
    let seen = DomainMemory(memory, owners: owners, domain: nextDomain)
    let scanner = KSMScanner(settings: settings.ksm, capacity: capacity, frameCount: frameCount, numaNodes: numaNodes)
    domains.append(Domain(number: nextDomain, tenant: tenant, scanner: KSMPageScanner(scanner, memory: seen)))
    nextDomain += 1
    return domains.count - 1
  }

  /// Ends an address space; its domain's scanner drops its pages when it comes by, as KSM does.
  public func unregister(_ space: SpaceID) {
    guard list.unregister(space) != nil, let place = spaces.firstIndex(where: { $0.id == space }) else { return }
    let ended = spaces.remove(at: place)
    guard let domain = index(ofDomain: ended.domain) else { return }
    domains[domain].scanner.unregister(ended.inner)
    domains[domain].spaceCount -= 1
  }

  /// Scans a number of pages, domain by domain, or fewer up to the end of the last domain's full scan.
  public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    while result.pagesScanned < budget && !domains.isEmpty {
      let part = domains[turn].scanner.scanBatch(pages: budget - result.pagesScanned, at: now)
      result.pagesScanned += part.pagesScanned
      result.pagesSkipped += part.pagesSkipped
      result.pagesMerged += part.pagesMerged
      result.zeroPagesPlaced += part.zeroPagesPlaced
      result.work += part.work
      let isEmpty = domains[turn].spaceCount == 0 && domains[turn].scanner.counters.rmapItems == 0
      guard part.completedFullScan || isEmpty else { break }
      if isEmpty { retire(turn) } else { turn += 1 }
      if turn >= domains.count {
        turn = 0
        fullScans += 1
        result.completedFullScan = true
        break
      }
    }
    return result
  }

  /// Takes a domain whose last page was dropped off the list.
  private func retire(_ index: Int) {
    let gone = domains.remove(at: index).scanner
    past.pagesScanned += gone.counters.pagesScanned
    past.pagesSkipped += gone.counters.pagesSkipped
    pastWork += gone.work
  }

  /// A page was written, discarded or unmapped that a scanner had mapped to the zero page.
  public func zeroPageLeft(_ page: PageOrdinal) {
    guard let number = list.tenant(of: page.index), let domain = index(ofDomain: number) else { return }
    domains[domain].scanner.zeroPageLeft(page)
  }

  /// Where a domain stands in the list, whose numbers ascend.
  private func index(ofDomain number: UInt32) -> Int? {
    var (low, high) = (0, domains.count)
    while low < high {
      let middle = (low + high) / 2
      if domains[middle].number < number { low = middle + 1 } else { high = middle }
    }
    return low < domains.count && domains[low].number == number ? low : nil
  }

  /// The sums of all domains' counters; full scans are those of all domains.
  public var counters: KSMCounters {
    var sum = past
    for domain in domains {
      let part = domain.scanner.counters
      sum.pagesScanned += part.pagesScanned
      sum.pagesSkipped += part.pagesSkipped
      sum.pagesShared += part.pagesShared
      sum.pagesSharing += part.pagesSharing
      sum.pagesUnshared += part.pagesUnshared
      sum.pagesVolatile += part.pagesVolatile
      sum.ksmZeroPages += part.ksmZeroPages
      sum.stableNodeChains += part.stableNodeChains
      sum.stableNodeDups += part.stableNodeDups
      sum.rmapItems += part.rmapItems
    }
    sum.fullScans = fullScans
    return sum
  }

  /// All the work done so far.
  public var work: ScanWork { domains.reduce(into: pastWork) { $0 += $1.scanner.work } }
}
