import Addressing
import PageContents
import PageTables
import Testing
import Translation
import TranslationCaching

@testable import Machine

/// A host with sizes in pages, so that tests can say exactly how much there is.
func makeHost(
  frames: Int = 2048, swapSlots: Int = 0, spans: Int = 4, audited: Bool = true, nodes: Int = 1
) throws -> Host {
  try Host(
    HostConfiguration(
      memory: ByteSize(bytes: UInt64(frames) << 12), swap: ByteSize(bytes: UInt64(swapSlots) << 12), tlb: TLBPreset.golden.geometry,
      guestPageCapacity: spans * Host.pageSpan, audited: audited, numaNodes: nodes))
}

extension Host {
  func makeVM(
    _ name: String = "vm", pages: Int = 256, _ paging: PagingMode = .nested, _ options: PagingOptions = PagingOptions(),
    backing: MemoryBacking = MemoryBacking()
  ) throws -> VirtualMachine {
    try createVM(name: name, memory: ByteSize(bytes: UInt64(pages) << 12), paging: paging, options: options, backing: backing)
  }

  /// The numbers of the laws that an audit finds broken.
  var brokenLaws: Set<Int> { Set(Audit.run(self).breaches.map(\.law)) }
}

/// An audit that finds nothing, or a test's failure with what it found.
func expectLawful(_ host: Host, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
  let found = Audit.run(host)
  #expect(found.count == 0 && found.breaches == [], comment, sourceLocation: sourceLocation)
}

extension VirtualMachine {
  func leaf(_ frame: Int) -> EPTEntry { map.leaf(of: GuestFrame(frame)) }

  /// Fills a page with synthetic bytes.
  @discardableResult func put(_ seed: UInt64, in frame: Int) -> Bool { fill(GuestFrame(frame), with: .synthetic(seed: seed)) }

  /// Whether a page holds the bytes of a seed, read as the guest would, by a word from its middle and by its hash's source.
  func holds(_ content: PageContent, in frame: Int) -> Bool {
    [0, 1, 127, 255, 511].allSatisfy { load64(GuestFrame(frame).address.advanced(by: UInt64($0) * 8)) == content.word(at: $0) }
  }

  func ordinal(_ frame: Int) -> PageOrdinal { page(of: GuestFrame(frame)) }
}

/// A guest's address space: tables in the guest's own memory, taken downwards from a frame, written by stores.
final class AddressSpace {
  let vm: VirtualMachine
  let root: GuestFrame
  private var nextTable: Int

  init(_ vm: VirtualMachine, tablesBelow end: Int) {
    self.vm = vm
    root = GuestFrame(end - 1)
    nextTable = end - 2
    _ = vm.fill(root, with: .zero)
  }

  /// The guest-physical address of the level-1 entry of a page.
  func entryAddress(_ page: UInt64) -> GuestPhysicalAddress {
    let address = GuestVirtualAddress(page << 12)
    var table = root
    for level in stride(from: 4, to: 1, by: -1) {
      let place = X86Index.entryAddress(in: table.address, of: address, level: level)
      let entry = X86Entry(rawValue: vm.load64(place) ?? 0)
      if entry.isPresent {
        table = entry.guestFrame
        continue
      }
      table = GuestFrame(nextTable)
      nextTable -= 1
      _ = vm.fill(table, with: .zero)
      _ = vm.store64(X86Entry.table(table).rawValue, place)
    }
    return X86Index.entryAddress(in: table.address, of: address, level: 1)
  }

  /// Maps a virtual page to a guest frame and tells the processor.
  func map(_ page: UInt64, to frame: Int, writable: Bool = true) {
    _ = vm.store64(X86Entry.page(GuestFrame(frame), writable: writable, user: true, noExecute: false).rawValue, entryAddress(page))
    vm.invalidatePage(GuestVirtualAddress(page << 12))
  }

  func load() { vm.loadCR3(root.address) }
}

extension VirtualMachine {
  /// An access to the first byte of a virtual page; the host frame that it reached.
  func touch(_ page: UInt64, _ kind: AccessKind = .read) -> HostFrame? {
    guard case .mapped(let address) = access(GuestVirtualAddress(page << 12), kind) else { return nil }
    return address.page
  }
}
