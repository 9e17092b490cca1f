import Addressing
import Machine
import PageSharing
import Testing
import Translation

@testable import Guests

/// Guests of one image on a host with a page sharer of each kind.
@Suite("Guests of one image, with every page sharer,")
struct SharingGuestsTests {
  /// A host after a run: its scanner, and of each page the block that was read into it last with the hash of what it held then.
  private struct Life {
    let host: Host
    let scanner: (any PageScanner<Host>)?
    var reads: [PageOrdinal: (block: UInt64, hash: UInt64)] = [:]

    /// Pages that could be given up if all that hold the same block shared a frame.
    var pagesOfEqualBlocks: Int {
      var holders: [UInt64: Int] = [:]
      for (page, read) in reads {
        let vm = host.vms.last { $0.firstPage <= page }
        guard let vm, vm.hash(of: GuestFrame(UInt64(page.rawValue - vm.firstPage.rawValue))) == read.hash else { continue }
        holders[read.block, default: 0] += 1
      }
      return holders.values.reduce(0) { $0 + $1 - 1 }
    }
  }

  /// Two guests that live for a second while a scanner works.
  private func live(_ kind: ScannerKind) throws -> Life {
    let host = try GuestRig.host(64, audited: true)
    var settings = ScannerSettings()
    settings.esx.isSalted = false
    let scanner = kind.makeScanner(settings, for: host, capacity: 16 * Host.pageSpan, frameCount: host.frameCount)
    let guests = try (0..<2).map { index in
      let vm = try host.createVM(name: "vm\(index)", memory: GuestRig.mebibytes(16), paging: index == 0 ? .nested : .shadow)
      return GuestRig.guest(vm, seed: UInt64(index + 1), own: ContentSpace(number: UInt64(index + 2)))
    }
    var now: UInt64 = 0
    host.onZeroPageLost = { scanner?.zeroPageLeft($0) }
    var life = Life(host: host, scanner: scanner)
    host.onBlockRead = { page, block in
      let vm = host.vms.last { $0.firstPage <= page }
      life.reads[page] = (block, vm?.hash(of: GuestFrame(UInt64(page.rawValue - (vm?.firstPage.rawValue ?? 0)))) ?? 0)
      scanner?.pageRead(page, from: block, at: now)
    }
    for (index, guest) in guests.enumerated() {
      let first = guest.vm.firstPage.index
      _ = scanner?.register(first..<first + guest.vm.pageCount, tenant: UInt32(index))
      guest.boot()
    }
    for tick in 0..<8 {
      now += GuestRig.tick
      for guest in guests { guest.step(nanoseconds: GuestRig.tick, levelPercent: tick % 4 == 3 ? 30 : 90) }
      _ = scanner?.scanBatch(pages: 1000, at: now)
      if tick % 4 == 3 { for guest in guests { guest.window(accesses: 300) } }
    }
    host.onBlockRead = nil
    return life
  }

  @Test("break no law of the machine", arguments: ScannerKind.allCases)
  func keepTheLaws(kind: ScannerKind) throws {
    #expect(Audit.run(try live(kind).host).breaches == [])
  }

  @Test("share every page that was read from one block and not written since, at once, with Satori")
  func shareBlocks() throws {
    let life = try live(.satori)
    let census = life.host.sharingCensus()
    #expect(census.savedPages == life.pagesOfEqualBlocks)
    #expect(census.savedInter > 20)
    #expect(life.scanner?.work.bytesHashed == 0)
  }

  @Test("share more with XLH than what they read, and nothing between them where the scanner forbids it")
  func shareByKind() throws {
    let xlh = try live(.xlh)
    #expect(xlh.host.sharingCensus().savedPages > xlh.pagesOfEqualBlocks)
    for kind in [ScannerKind.sameVM, .zeroOnly, .none] { #expect(try live(kind).host.sharingCensus().savedInter == 0, "\(kind)") }
  }
}
