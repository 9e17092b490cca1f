import Addressing
import Machine
import PageContents
import TestSupport
import Testing

@testable import Guests

/// The clock as its definition says it, page by page.
private struct NaiveClock {
  struct Page {
    var frame: GuestFrame
    var isUsed = false
  }
  let pageCount: Int
  var cached: [Int: Page] = [:]
  var pins: [Int: Int] = [:]
  var hand = 0

  mutating func find(_ page: Int) -> GuestFrame? {
    cached[page]?.isUsed = true
    return cached[page]?.frame
  }

  mutating func evict() -> GuestFrame? {
    guard cached.keys.contains(where: { pins[$0, default: 0] == 0 }) else { return nil }
    while true {
      let page = hand
      hand = (hand + 1) % pageCount
      guard let found = cached[page], pins[page, default: 0] == 0 else { continue }
      if !found.isUsed {
        cached[page] = nil
        return found.frame
      }
      cached[page]?.isUsed = false
    }
  }
}

@Suite("The page cache")
struct PageCacheTests {
  private static let pageCount = 40

  private func cache(files: Int = 30, ownPercent: Int = 0, own: ContentSpace = GuestRig.own) -> PageCache {
    PageCache(image: GuestRig.image, own: own, filePages: files, ownPercent: ownPercent, programs: [("init", 6), ("none", 0), ("sh", 4)])
  }

  @Test("gives up the page that a clock gives up, and never one that a process maps", arguments: 1...8 as ClosedRange<UInt64>)
  func agreesWithNaiveClock(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var cache = cache()
    var twin = NaiveClock(pageCount: Self.pageCount)
    var next: UInt64 = 0
    for _ in 0..<3000 {
      let page = Int.random(in: 0..<Self.pageCount, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        let found = cache.find(page)
        #expect(found == twin.find(page))
        guard found == nil else { break }
        cache.insert(page, at: GuestFrame(next))
        twin.cached[page] = NaiveClock.Page(frame: GuestFrame(next))
        next += 1
      case 5 where twin.cached[page] != nil:
        cache.pin(page)
        twin.pins[page, default: 0] += 1
      case 6 where twin.pins[page, default: 0] > 0:
        cache.unpin(page)
        twin.pins[page, default: 0] -= 1
      default: #expect(cache.evict() == twin.evict())
      }
      #expect(cache.count == twin.cached.count)
    }
    while let frame = twin.evict() { #expect(cache.evict() == frame) }
    #expect(cache.evict() == nil)
    for (page, pins) in twin.pins where pins > 0 { #expect(cache.find(page) == twin.cached[page]?.frame) }
  }

  @Test("reads the same from disk each time, as much of it the guest's own as was asked for", arguments: [0, 1, 30, 99, 100])
  func contents(ownPercent: Int) {
    let (mine, same, other) = (
      cache(files: 1000, ownPercent: ownPercent), cache(files: 1000, ownPercent: ownPercent),
      cache(files: 1000, ownPercent: ownPercent, own: ContentSpace(number: 3))
    )
    #expect((0..<1010).allSatisfy { mine.content(of: $0) == same.content(of: $0) })
    #expect((0..<1000).filter { mine.content(of: $0) != other.content(of: $0) }.count == ownPercent * 10)
    #expect((1000..<1010).allSatisfy { mine.content(of: $0) == other.content(of: $0) })
    #expect(Set((0..<1010).map(mine.content)).count == 1010)
  }

  @Test("holds a program's text wherever it lies, the same in every guest of the image")
  func text() {
    let (small, large) = (cache(files: 3), cache(files: 500))
    #expect(small.text(of: 0) == 3 && small.text(of: 2) == 9)
    for page in 0..<4 { #expect(small.content(of: small.text(of: 2) + page) == large.content(of: large.text(of: 2) + page)) }
    #expect(small.content(of: small.text(of: 0)) != small.content(of: small.text(of: 2)))
  }

  @Test("reads pages from blocks whose numbers agree, over all guests of an image, exactly where their contents do")
  func blocks() throws {
    let caches = [cache(ownPercent: 40), cache(ownPercent: 40, own: ContentSpace(number: 3)), cache(files: 20, ownPercent: 40)]
    let counts = [Self.pageCount, Self.pageCount, Self.pageCount - 10]
    var contents: [UInt64: PageContent] = [:]
    var blocks: [UInt64: Set<UInt64>] = [:]
    for (cache, count) in zip(caches, counts) {
      for page in 0..<count {
        let (block, content) = (cache.block(of: page), cache.content(of: page))
        #expect(contents[block, default: content] == content)
        contents[block] = content
        blocks[content.rawValue, default: []].insert(block)
      }
    }
    #expect(blocks.values.allSatisfy { $0.count == 1 })
    #expect(contents.count == 52, "28 of the image (18 of files, 10 of text) and 12 of each of two guests' own files")
  }

  @Test("tells the host of every page that is read from disk, once, and of no other")
  func tellsOfReads() throws {
    let (host, vm) = try GuestRig.machine()
    let kernel = GuestRig.kernel(vm, files: 8, text: 2)
    var reads: [(page: PageOrdinal, block: UInt64)] = []
    host.onBlockRead = { reads.append(($0, $1)) }
    let frames = (0..<10).compactMap { kernel.filePage($0) }
    for page in 0..<10 { #expect(kernel.filePage(page) == frames[page]) }
    _ = kernel.allocateZeroed()
    #expect(reads.map { $0.page.index } == frames.map { vm.firstPage.index + Int($0.rawValue) })
    #expect(reads.map(\.block) == (0..<10).map { kernel.cache.block(of: $0) })
  }
}
