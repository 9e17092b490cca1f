import Addressing
import PageContents
import PageTables
import Testing

@testable import Translation

/// A transcript tells each reference of a walk, as many as the closed form says, and stops where a processor stops.
@Suite struct WalkTranscriptTests {
  /// All tables that an example can have.
  static let guests: [WalkExample.Dimension] = [4, 5].flatMap { levels in
    PageSize.allCases.map { WalkExample.Dimension(levels: levels, page: $0) }
  }
  static let hosts: [WalkExample.Dimension?] = guests.map { $0 } + [nil]

  @Test("A walk makes (g + 1)(h + 1) - 1 references, for every pair of levels and page sizes", arguments: guests, hosts)
  func closedForm(guest: WalkExample.Dimension, host: WalkExample.Dimension?) throws {
    let example = WalkExample(guest: guest, host: host)
    let walk = example.recorder().walk(example.address, cr3: example.root)
    let (g, h) = (guest.levels - guest.page.level + 1, host.map { $0.levels - $0.page.level + 1 } ?? 0)
    #expect(walk.steps.count == (g + 1) * (h + 1) - 1)
    #expect(walk.steps.map(\.number) == Array(1...walk.steps.count))
    #expect(walk.guestDepth == g && walk.hostDepth == h)
    guard case .mapped(let target) = walk.outcome else {
      Issue.record("the example's page is not found: \(walk.outcome)")
      return
    }
    #expect(target.guestPage == guest.page && target.hostPage == host?.page)
    #expect(target.guestAddress.offset(in: guest.page) == example.address.offset(in: guest.page))
    if let host { #expect(target.hostAddress?.offset(in: host.page) == target.guestAddress.offset(in: host.page)) }
  }

  @Test(
    "AMD's tables take as many references as Intel's, to the same frames, for every pair of levels and page sizes", arguments: guests,
    guests)
  func amd(guest: WalkExample.Dimension, host: WalkExample.Dimension) {
    let walks = NestedFormat.allCases.map { format in
      let example = WalkExample(guest: guest, host: host, format: format)
      return example.recorder().walk(example.address, cr3: example.root, .write, .user)
    }
    #expect(walks[0].outcome == walks[1].outcome && walks[0].steps.map(\.meaning) == walks[1].steps.map(\.meaning))
    #expect(walks[1].hostFormat == .npt && walks[0].steps.map(\.word) != walks[1].steps.map(\.word))
  }

  /// The walk of an example of 4 over 4 that lost something at one reference.
  private func walk(
    _ loss: WalkExample.Loss, at number: Int, _ access: AccessKind, format: NestedFormat = .ept, modeBased: Bool = false,
    isUserPage: Bool = true
  ) -> WalkOutcome {
    let four = WalkExample.Dimension(levels: 4)
    let example = WalkExample(guest: four, host: four, format: format, modeBasedExecute: modeBased, isUserPage: isUserPage)
    let whole = example.recorder().walk(example.address, cr3: example.root)
    example.take(loss, from: whole.steps[number - 1])
    return example.recorder().walk(example.address, cr3: example.root, access).outcome
  }

  @Test(
    "With mode-based execute control a fetch from a user's page asks bit 10 and one from a kernel's page bit 2; without it both ask bit 2")
  func modeBasedExecute() {
    for isUserPage in [true, false] {
      for loss in [WalkExample.Loss.execute, .userExecute] {
        for modeBased in [true, false] where modeBased || loss == .execute {
          let isRefused = modeBased ? isUserPage == (loss == .userExecute) : true
          // Bits 2, 7 and 8; R and W at 3 and 4; what is left of X at 5 or of bit 10 at 6 (Intel SDM table 28-7).
          let left: UInt64 = !modeBased ? 0 : loss == .execute ? 1 << 6 : 1 << 5
          for number in [21, 22, 23, 24] {
            let outcome = walk(loss, at: number, .fetch, modeBased: modeBased, isUserPage: isUserPage)
            if case .violation(let code, _) = outcome { #expect(isRefused && code == 0x19c | left) } else { #expect(!isRefused) }
            if case .mapped = walk(loss, at: number, .write, modeBased: modeBased, isUserPage: isUserPage) {
            } else {
              Issue.record("a write")
            }
          }
        }
      }
    }
  }

  @Test("A nested page fault's code is a user's, with bit 33 for guest tables, which are always written, and bit 32 for the page")
  func nestedPageFaults() {
    func code(_ loss: WalkExample.Loss, at number: Int, _ access: AccessKind) -> UInt64? {
      if case .violation(let code, _) = walk(loss, at: number, access, format: .npt) { code } else { nil }
    }
    #expect(code(.presence, at: 4, .read) == 1 << 33 | 6 && code(.write, at: 4, .read) == 1 << 33 | 7)
    #expect(code(.presence, at: 24, .read) == 1 << 32 | 4 && code(.presence, at: 24, .write) == 1 << 32 | 6)
    #expect(code(.write, at: 24, .write) == 1 << 32 | 7 && code(.write, at: 24, .read) == nil)
    #expect(code(.execute, at: 22, .fetch) == 1 << 32 | 0x15 && code(.execute, at: 22, .write) == nil)
  }

  @Test("The counts of the published table: 24, 19, 14; 19, 15, 11; 14, 11, 8; five levels 35 and 29; a flat host table 9")
  func publishedTable() {
    for (guest, host, references) in [
      (4, 4, 24), (4, 3, 19), (4, 2, 14), (3, 4, 19), (3, 3, 15), (3, 2, 11), (2, 4, 14), (2, 3, 11), (2, 2, 8), (5, 5, 35), (5, 4, 29),
      (4, 5, 29), (4, 1, 9), (4, 0, 4), (3, 0, 3), (2, 0, 2), (5, 0, 5),
    ] { #expect(WalkTranscript.references(guest: guest, host: host) == references) }
    let flat = WalkExample(guest: .init(levels: 4), host: .init(levels: 1))
    #expect(flat.recorder().walk(flat.address, cr3: flat.root).steps.count == 9)
  }

  @Test("References come in hardware's order: for each guest level the host's levels from the top, then the entry; then the page")
  func order() {
    let example = WalkExample(guest: .init(levels: 4), host: .init(levels: 4))
    let steps = example.recorder().walk(example.address, cr3: example.root).steps
    var expected: [String] = []
    for guest in [4, 3, 2, 1] { expected += [4, 3, 2, 1].map { "host \($0) for \(guest)" } + ["guest \(guest) for \(guest)"] }
    expected += [4, 3, 2, 1].map { "host \($0) for 0" }
    #expect(steps.map { "\($0.dimension.rawValue) \($0.level) for \($0.guestLevel)" } == expected)
    #expect(steps.filter { $0.dimension == .guest }.map(\.index) == [2, 3, 4, 5])
  }

  @Test("Over a map that is walked in hardware's way a transcript reads as many words as the walk counts, and ends in the same frame")
  func againstGuestPhysicalMap() throws {
    let contents = FrameContents(frameCount: 256)
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, first: 0, capacity: 64))
    for frame in 0..<64 { #expect(map.setLeaf(.page(HostFrame(100 + frame), writable: true), of: GuestFrame(frame))) }
    func store(_ entry: X86Entry, _ place: GuestPhysicalAddress) {
      contents.store(entry.rawValue, HostPhysicalAddress(place.rawValue + (100 << 12)))
    }
    let address = GuestVirtualAddress(0x7f00_1234_5678)
    for level in [4, 3, 2] {
      let place = X86Index.entryAddress(in: GuestPhysicalAddress(UInt64(level) << 12), of: address, level: level)
      store(X86Entry.table(GuestFrame(level - 1)), place)
    }
    let leaf = X86Entry.page(GuestFrame(9), writable: true, user: true, noExecute: false)
    store(leaf, X86Index.entryAddress(in: GuestPhysicalAddress(1 << 12), of: address, level: 1))
    let walk = WalkRecorder(map: map, contents: contents).walk(address, cr3: GuestPhysicalAddress(4 << 12), .write, .user)
    guard case .mapped(let target) = walk.outcome else {
      Issue.record("\(walk.outcome)")
      return
    }
    #expect(target.hostAddress?.page == HostFrame(109))
    var references: UInt64 = 0
    for step in walk.steps where step.dimension == .guest {
      let place = try #require(step.guestAddress)
      _ = map.walk(place, map.access(.read, for: .guestTable, setsAccessedDirty: false), references: &references)
      references += 1
    }
    _ = map.walk(target.guestAddress, map.access(.write, setsAccessedDirty: false), references: &references)
    #expect(UInt64(walk.steps.count) == references && references == 24)
  }

  @Test("An absent entry stops the walk at the first reference that reads it", arguments: 1...24)
  func absent(number: Int) {
    let example = WalkExample(guest: .init(levels: 4), host: .init(levels: 4))
    let whole = example.recorder().walk(example.address, cr3: example.root)
    let step = whole.steps[number - 1]
    let first = whole.steps.firstIndex { $0.hostAddress == step.hostAddress }.map { $0 + 1 }
    example.take(.presence, from: step)
    let walk = example.recorder().walk(example.address, cr3: example.root, .write, .user)
    #expect(walk.steps.count == first)
    #expect(walk.steps.last?.meaning == .notPresent)
    switch (step.dimension, walk.outcome) {
    case (.guest, .pageFault(let code)): #expect(code.rawValue == 6, "not present, write, user")
    // Intel SDM table 28-7: for the page 0x182, for a guest's table with A/D enabled 0x83.
    case (.host, .violation(let qualification, _)): #expect(qualification == (walk.steps.last?.guestLevel == 0 ? 0x182 : 0x83))
    default: Issue.record("\(walk.outcome)")
    }
  }

  @Test("A page that the host made read-only: 0x18a... for a write to the page, 0xbb... for a guest's table, by the rights that are left")
  func readOnly() {
    // The leaf for the page: R and X are left, so bits 3 and 5.
    #expect(qualification(clearing: 24, .write) == 0x1aa)
    #expect(qualification(clearing: 24, .read) == nil)
    // The leaf for the guest's level-1 table: a load that counts as a write.
    #expect(qualification(clearing: 19, .read) == 0xab)
  }

  private func qualification(clearing number: Int, _ access: AccessKind) -> UInt64? {
    let example = WalkExample(guest: .init(levels: 4), host: .init(levels: 4))
    let whole = example.recorder().walk(example.address, cr3: example.root)
    example.take(.write, from: whole.steps[number - 1])
    if case .violation(let qualification, _) = example.recorder().walk(example.address, cr3: example.root, access).outcome {
      return qualification
    }
    return nil
  }

  @Test("A page that the guest protects is refused only after its entry was read, and the page itself is not looked up")
  func refused() {
    let example = WalkExample(guest: .init(levels: 4), host: .init(levels: 4))
    let whole = example.recorder().walk(example.address, cr3: example.root)
    example.take(.write, from: whole.steps[19])
    let walk = example.recorder().walk(example.address, cr3: example.root, .write, .user)
    #expect(walk.outcome == .pageFault([.present, .write, .user]))
    #expect(walk.steps.count == 20 && walk.steps.last?.meaning == .refused)
  }

  @Test("An address that is not canonical is not looked up, and memory that is not there ends the walk with its address")
  func nowhere() {
    let recorder = WalkRecorder { address in address.rawValue < 0x2000 ? 0x9003 : nil }
    #expect(recorder.walk(GuestVirtualAddress(1 << 47), cr3: GuestPhysicalAddress(0x1000)).outcome == .notCanonical)
    let walk = recorder.walk(GuestVirtualAddress(0), cr3: GuestPhysicalAddress(0x8000_0000_0000_1fff))
    #expect(walk.root.rawValue == 0x1000)
    #expect(walk.outcome == .noMemory(at: 0x9000) && walk.steps.count == 1)
  }

  @Test("Reserved bits end a walk: RSVD in the guest, a misconfiguration in the host")
  func reserved() {
    var controls = X86Controls()
    controls.physicalAddressBits = 40
    let guest = WalkRecorder(controls: controls) { _ in 1 << 45 | 3 }
    #expect(guest.walk(GuestVirtualAddress(0), cr3: GuestPhysicalAddress(0)).outcome == .pageFault([.present, .reserved]))
    let host = WalkRecorder(host: .init(root: HostPhysicalAddress(0))) { _ in EPTEntry.write }
    let walk = host.walk(GuestVirtualAddress(0x1000), cr3: GuestPhysicalAddress(0x5000))
    #expect(walk.outcome == .misconfiguration(GuestPhysicalAddress(0x5000)) && walk.steps.count == 1)
  }
}
