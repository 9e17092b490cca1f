import Addressing
import PageContents
import Testing

@testable import PageTables

@Suite struct EntryTests {
  @Test("an absent EPT entry has R = W = X = 0 and gives back why it is absent")
  func absence() {
    for slot in [0, 1, 12345, 1 << 40 - 1] as [UInt64] {
      #expect(!EPTEntry.swapped(slot: slot).isPresent)
      #expect(EPTEntry.swapped(slot: slot).absence == .swapped(slot: slot))
    }
    #expect(EPTEntry.absent.rawValue == 0)
    #expect(EPTEntry.absent.absence == .never)
    #expect(!EPTEntry.ballooned.isPresent && EPTEntry.ballooned.absence == .ballooned)
  }

  @Test("EPT leaves have the bits of the Intel SDM, table 29-6")
  func leafBits() {
    #expect(EPTEntry.page(HostFrame(0x12345 as UInt64), writable: true).rawValue == 0x1234_5037)
    #expect(EPTEntry.page(HostFrame(0x12345 as UInt64), writable: false, executable: false).rawValue == 0x1234_5031)
    let zero = EPTEntry.zeroPlaced(HostFrame(1 as UInt64))
    #expect(zero.isZeroPlaced && !zero.isWritable && zero.frame == HostFrame(1 as UInt64) && !zero.isMisconfigured(level: 1))
    #expect(!EPTEntry.page(HostFrame(1 as UInt64), writable: false).isZeroPlaced)
  }

  @Test("x86 entries have the bits of the Intel SDM, table 4-20")
  func x86Bits() {
    #expect(X86Entry.page(GuestFrame(0x12345 as UInt64), writable: true, user: true, noExecute: true).rawValue == 0x8000_0000_1234_5007)
    #expect(X86Entry.page(GuestFrame(0x12345 as UInt64), writable: false, user: false, noExecute: false).rawValue == 0x1234_5001)
    #expect(X86Entry.largePage(GuestFrame(0x200 as UInt64), writable: true, user: false, noExecute: false).rawValue == 0x20_0083)
  }

  @Test("misconfigured are W without R, reserved bits, and memory types 2, 3 and 7 in a leaf")
  func misconfigured() {
    for raw in 0..<0x1000 as Range<UInt64> where raw & 7 != 0 {
      for level in 1...4 {
        let isLeaf = level == 1 || (level < 4 && raw & 0x80 != 0)
        var expected = raw & 3 == 2
        if isLeaf { expected = expected || [2, 3, 7].contains(raw >> 3 & 7) }
        if !isLeaf { expected = expected || raw & 0x78 != 0 || (level == 4 && raw & 0x80 != 0) }
        #expect(EPTEntry(rawValue: raw).isMisconfigured(level: level) == expected, "\(raw) at level \(level)")
      }
    }
    #expect(EPTEntry(rawValue: 0x1000 | 0xb7).isMisconfigured(level: 2))
    #expect(EPTEntry(rawValue: 0x20_0000 | 0xb7).isMisconfigured(level: 3))
    #expect(!EPTEntry(rawValue: 0x20_0000 | 0xb7).isMisconfigured(level: 2))
    #expect(EPTEntry(rawValue: 1 << 48 | 0x37).isMisconfigured(level: 1))
  }
}

@Suite struct X86RuleTests {
  /// Intel SDM 4.6.1 spelled out case by case.
  private func isRefused(_ w: Bool, _ u: Bool, _ x: Bool, _ access: AccessKind, _ isUser: Bool) -> Bool {
    switch (access, isUser) {
    case (.read, false): false
    case (.read, true): !u
    case (.write, false): !w
    case (.write, true): !(u && w)
    case (.fetch, false): !x
    case (.fetch, true): !(u && x)
    }
  }

  @Test("an access passes if every level allows it, and the error code says what was tried")
  func permissions() {
    for bits in 0..<512 {
      // W, U and X at three levels.
      var rights = X86Rights.all
      var (w, u, x) = (true, true, true)
      for level in 0..<3 {
        let own = bits >> (3 * level) & 7
        let entry = X86Entry.page(GuestFrame(0 as UInt64), writable: own & 1 != 0, user: own & 2 != 0, noExecute: own & 4 == 0)
        rights = rights.intersection(X86Rights(of: entry))
        (w, u, x) = (w && own & 1 != 0, u && own & 2 != 0, x && own & 4 != 0)
      }
      for access in AccessKind.allCases {
        for isUser in [false, true] {
          let expected: UInt32? =
            isRefused(w, u, x, access, isUser)
            ? 1 | (access == .write ? 2 : 0) | (isUser ? 4 : 0) | (access == .fetch ? 16 : 0) : nil
          #expect(X86Controls().refusal(of: access, isUser ? .user : .supervisor, rights: 1 | rights.rawValue)?.rawValue == expected)
        }
      }
    }
  }

  @Test("reserved are address bits 51:48, PS above level 3, and the address bits below a large page's size")
  func reserved() {
    for level in 1...5 {
      for bit in 0..<64 as Range<UInt64> {
        for isLarge in [false, true] {
          let entry = X86Entry(rawValue: 1 | 1 << bit | (isLarge ? 0x80 : 0))
          let large = entry.isLarge && level > 1
          var walk = X86Walk(GuestVirtualAddress(0), root: GuestPhysicalAddress(0), levels: level)
          let expected =
            (48...51).contains(bit) || (large && level > 3) || (large && level == 2 && (13...20).contains(bit))
            || (large && level == 3 && (13...29).contains(bit))
          #expect((walk.step(entry) == .reserved) == expected, "bit \(bit) at level \(level)")
        }
      }
    }
  }

  @Test("indices are nine bits each, from bit 12 up")
  func indices() {
    let address = GuestVirtualAddress(1 << 48 | 2 << 39 | 3 << 30 | 4 << 21 | 5 << 12 | 6)
    #expect((1...5).map { X86Index.index(of: address, level: $0) } == [5, 4, 3, 2, 1])
    #expect(X86Index.entryAddress(in: GuestPhysicalAddress(0x7000), of: address, level: 2) == GuestPhysicalAddress(0x7020))
  }

  @Test("canonical are addresses whose upper bits repeat the topmost translated one")
  func canonical() {
    for (raw, four, five) in [
      (0, true, true), (0x7fff_ffff_ffff, true, true), (0x8000_0000_0000, false, true), (0xffff_8000_0000_0000, true, true),
      (0xffff_7fff_ffff_ffff, false, true), (0x100_0000_0000_0000, false, false), (0xff00_0000_0000_0000, false, true),
    ] as [(UInt64, Bool, Bool)] {
      #expect(X86Index.isCanonical(GuestVirtualAddress(raw)) == four)
      #expect(X86Index.isCanonical(GuestVirtualAddress(raw), levels: 5) == five)
    }
  }
}

@Suite struct GuestPhysicalMapTests {
  private let contents = FrameContents(frameCount: 64)

  @Test("a map gives back what was set, like a dictionary, in any order", arguments: [4, 5], NestedFormat.allCases)
  func dictionary(levels: Int, format: NestedFormat) throws {
    let frames = TableFrames(contents, capacity: 48)
    let map = try GuestPhysicalMap(contents: contents, frames: frames, levels: levels, format: format)
    var twin: [UInt64: EPTEntry] = [:]
    var state: UInt64 = 1
    let bases: [UInt64] = [0, 511, 512, 1 << 18, 1 << 27, levels == 4 ? 1 << 36 - 600 : 1 << 40 - 600, 1 << 23]
    for step in 0..<3000 as Range<UInt64> {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let frame = bases[Int(state >> 40) % bases.count] + (state >> 50) % 600
      let entry: EPTEntry = step % 3 == 0 ? .swapped(slot: step) : step % 7 == 0 ? .absent : .page(HostFrame(step), writable: step % 2 == 0)
      #expect(map.leaf(of: GuestFrame(frame)) == twin[frame] ?? .absent)
      #expect(map.setLeaf(entry, of: GuestFrame(frame)))
      twin[frame] = entry
    }
    #expect(map.tableFrames == frames.used)
    var seen: [UInt64] = []
    map.forEachLeaf(in: GuestFrame(5 as UInt64)..<GuestFrame(2000 as UInt64)) { frame, entry in
      seen.append(frame.rawValue)
      #expect(twin[frame.rawValue] == entry)
    }
    #expect(seen == twin.filter { $0.value != .absent && (5..<2000).contains($0.key) }.keys.sorted())
    map.destroy()
    #expect(frames.used == 0 && map.tableFrames == 0)
  }

  @Test("no frame for the root is an error, no frame for a table a refusal that changes nothing")
  func outOfFrames() throws {
    #expect(throws: OutOfTableFrames.self) { try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 0)) }
    for capacity in 1...4 {
      let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: capacity))
      let frame = GuestFrame(0x12345 as UInt64)
      #expect(map.setLeaf(.ballooned, of: frame) == (capacity == 4))
      #expect(map.leaf(of: frame) == (capacity == 4 ? .ballooned : .absent))
    }
  }

  @Test("guest frames of more than 36 bits are absent and cannot be set")
  func outOfRange() throws {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 8))
    for raw in [1 << 36, 1 << 40, UInt64.max >> 12, UInt64.max] {
      #expect(map.leaf(of: GuestFrame(raw)) == .absent)
      #expect(!map.setLeaf(.ballooned, of: GuestFrame(raw)))
    }
  }
}
