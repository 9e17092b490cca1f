import Addressing
import Columns
import PageContents
import PageSharing
import Testing

/// Recorded memories: identities that expand into bytes, and the five guests that a running kernel scanned.
@Suite struct ImageMemoryTests {
  @Test("A page of an identity is its content's expansion, inside another page's call too")
  func identityPages() {
    let pages = IdentityPages([0, 7, 0, 9, 7, 11])
    var expected: [[UInt8]] = []
    for identity in pages.identities {
      var page = [UInt8](repeating: 0, count: PageContent.byteCount)
      unsafe page.withUnsafeMutableBytes { unsafe IdentityPages.content(of: identity).expand(into: $0) }
      expected.append(page)
    }
    for outer in 0..<6 {
      for inner in 0..<6 {
        unsafe pages.withPage(outer) { left in
          let right = unsafe pages.withPage(inner) { unsafe Array($0) }
          #expect(right == expected[inner])
          #expect(unsafe Array(left) == expected[outer])
        }
      }
    }
  }

  @Test("An image is scanned like any memory: pages merge, zeros go to the zero page, contents stay")
  func scansAnImage() {
    let memory = ImageMemory(IdentityPages([0, 5, 6, 5, 0, 0, 5]))
    var settings = KSMSettings()
    settings.useZeroPages = true
    let scanner = KSMScanner(settings: settings, capacity: 7, frameCount: 7)
    scanner.register(0..<4)
    scanner.register(4..<7)
    #expect(scanner.runToConvergence(in: memory).fullScans == 4)
    let counters = scanner.counters
    #expect((counters.pagesShared, counters.pagesSharing, counters.pagesUnshared, counters.ksmZeroPages) == (1, 2, 1, 3))
    // The second copy that is scanned becomes the stable page.
    #expect(memory.backing(of: PageOrdinal(1)) == .stable(HostFrame(3)))
    #expect(memory.backing(of: PageOrdinal(6)) == .stable(HostFrame(3)))
    #expect(memory.backing(of: PageOrdinal(4)) == .zeroFrame)
    #expect(memory.backing(of: PageOrdinal(2)) == .private(HostFrame(2)))
  }

  @Test("An image refuses to merge pages that differ, and to take for zeros what is none")
  func refusals() throws {
    let memory = ImageMemory(IdentityPages([5, 6, 5, 0]))
    let stable = try #require(memory.makeStable(PageOrdinal(0)))
    #expect(!memory.merge(PageOrdinal(1), into: stable))
    #expect(memory.merge(PageOrdinal(2), into: stable))
    #expect(!memory.merge(PageOrdinal(2), into: stable))
    #expect(memory.makeStable(PageOrdinal(2)) == nil)
    #expect(!memory.placeZeroPage(at: PageOrdinal(1)))
    #expect(memory.placeZeroPage(at: PageOrdinal(3)))
    #expect(memory.isZero(HostFrame(3)))
  }

  @Test(
    "Five real guests come out as the running kernel counted them", .enabled(if: FiveGuests.shared != nil, "needs the trace and zstd"),
    arguments: [false, true])
  func fiveGuests(useZeroPages: Bool) throws {
    let guests = try #require(FiveGuests.shared)
    let memory = ImageMemory(StampedPages(guests.identities))
    var settings = KSMSettings()
    settings.smartScan = false
    settings.useZeroPages = useZeroPages
    let scanner = KSMScanner(settings: settings, capacity: memory.pageCount, frameCount: memory.pageCount)
    for guest in guests.ranges { scanner.register(guest) }
    for _ in 0..<3 { scanner.scanFull(in: memory) }
    let counters = scanner.counters
    #expect(counters.pagesShared == (useZeroPages ? 14988 : 15804))
    #expect(counters.pagesSharing == (useZeroPages ? 76195 : 284262))
    #expect(counters.pagesUnshared == 27614)
    #expect(counters.ksmZeroPages == (useZeroPages ? 208883 : 0))
    #expect(counters.stableNodeChains == (useZeroPages ? 2 : 3))
    #expect(counters.stableNodeDups == (useZeroPages ? 74 : 890))
  }
}

/// Pages of zeros that begin with their identity: as different as the identities, and quick to write out in a debug build.
final class StampedPages: PageSource {
  private let identities: [UInt32]
  private let words = Column<UInt64>(count: 2 * PageContent.wordCount)
  private var depth = 0

  init(_ identities: [UInt32]) { self.identities = identities }

  var pageCount: Int { identities.count }

  func withPage<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let first = depth * PageContent.wordCount
    depth += 1
    defer { depth -= 1 }
    words[first] = UInt64(identities[index])
    // SAFETY: pages are shown at most two deep, so the page lies inside the column.
    return unsafe words.withBuffer {
      unsafe body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[first * 8..<(first + 512) * 8]))
    }
  }
}
