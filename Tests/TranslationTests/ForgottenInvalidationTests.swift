import Addressing
import PageTables
import Testing
import Translation
import TranslationCaching
import TranslationFuzzing

/// Law 4: where an invalidation is left out, the detector names the access that went wrong; where none is, it is silent.
@Suite("A missing invalidation is caught at the access that goes wrong")
struct ForgottenInvalidationTests {
  private static let page = GuestVirtualAddress(0x3000)
  private static let frame = GuestFrame(40 as UInt64)

  /// A guest that has just written its page 3, which is frame 40.
  private func rig(_ way: FuzzWay, _ swallowed: Swallowed?) throws -> FuzzRig {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let rig = try FuzzRig(way, FuzzSetup(), tlb: tlb, vpid: 1) { inner in swallowed.map { SwallowingTranslator(inner, $0) } ?? inner }
    for level in 1...4 {
      let place = X86Index.entryAddress(in: GuestFrame(UInt64(4 - level)).address, of: Self.page, level: level)
      let entry =
        level == 1
        ? X86Entry.page(Self.frame, writable: true, user: true, noExecute: false) : .table(GuestFrame(UInt64(5 - level)))
      rig.store(entry.rawValue, place)
    }
    rig.translator.loadCR3(GuestPhysicalAddress(0))
    #expect(rig.access(Self.page, .write, .user) == .mapped(rig.hostFrame(Self.frame).address))
    return rig
  }

  /// What a host does to a page, and the access that must not go where the one before it went.
  private static let acts: [(act: FuzzHostAct, access: AccessKind)] = [
    (.share, .write), (.move, .read), (.balloon, .read), (.swap, .read), (.balloon, .write), (.swap, .write),
  ]

  @Test(
    "Sharing, copy on write (a move), ballooning, swap: without the invalidation the hypervisor is blamed, with it nobody",
    arguments: [FuzzWay.native, .ept, .npt, .shadowKVM, .agileNested], 0..<6)
  func hypervisor(way: FuzzWay, number: Int) throws {
    let (act, access) = Self.acts[number]
    for swallowed in [nil, Swallowed.mapChange] {
      let rig = try rig(way, swallowed)
      let compared = rig.detector.compared
      rig.host(act, Self.frame)
      _ = rig.access(Self.page, access, .user)
      guard swallowed != nil else {
        #expect(rig.detector.byHypervisor == 0 && rig.detector.byGuest == 0 && rig.detector.compared > compared)
        continue
      }
      let finding = try #require(rig.detector.findings.first)
      #expect(rig.detector.byHypervisor == 1 && rig.detector.byGuest == 0)
      #expect(finding.culprit == .hypervisor && finding.kind == access && finding.address == Self.page && finding.privilege == .user)
      #expect(finding.access == compared + 1, "the first access after it")
    }
  }

  @Test("A guest that leaves INVLPG out is blamed itself, at the access that used the old entry", arguments: [false, true])
  func guest(isLeftOut: Bool) throws {
    for way in [FuzzWay.native, .ept, .npt, .shadowKVM, .shadowXen, .agileNested] {
      let rig = try rig(way, nil)
      let other = GuestFrame(41 as UInt64)
      rig.store(
        X86Entry.page(other, writable: true, user: true, noExecute: false).rawValue,
        X86Index.entryAddress(in: GuestFrame(3 as UInt64).address, of: Self.page, level: 1))
      if !isLeftOut { rig.translator.invalidatePage(Self.page) }
      let outcome = rig.access(Self.page, .read, .user)
      let isStale = outcome == .mapped(rig.hostFrame(Self.frame).address)
      #expect(rig.detector.byHypervisor == 0 && rig.detector.byGuest == (isStale ? 1 : 0))
      if !isLeftOut { #expect(!isStale) }
      // The processor itself keeps the old entry; a shadow may, while its table is out of step.
      if isLeftOut && (way == .native || way == .ept || way == .npt || way == .agileNested) { #expect(isStale) }
      if isStale { #expect(rig.detector.findings.first?.address == Self.page && rig.detector.findings.first?.culprit == .guest) }
    }
  }
}
