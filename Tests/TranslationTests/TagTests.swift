import Addressing
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// What an exit costs a guest whose translations the processor does not tag: Intel SDM 29.4.3.1, AMD APM volume 2, 15.16.1.
@Suite("Tags of guests") struct TagTests {
  /// A processor that caches walks of both dimensions and whole guest-physical translations.
  private func cachingTLB() throws -> TLBHierarchy {
    var geometry = TLBPreset.golden.geometry
    geometry.walkCaches = .typical
    return TLBHierarchy(geometry)
  }

  private func options(_ format: NestedFormat, vpid: Bool) -> PagingOptions {
    var options = PagingOptions()
    options.usesVPID = vpid
    options.nested.format = format
    return options
  }

  /// The references of the walk that an access after a timer's exit takes; 0 where the TLB still answers.
  private func referencesAfterExit(_ mode: PagingMode, _ format: NestedFormat, vpid: Bool) throws -> UInt64 {
    let guest = try SmallGuest(mode, options(format, vpid: vpid), tlb: try cachingTLB(), format: format)
    for _ in 0..<2 { #expect(guest.rig.access(guest.address, .write, .user).mapped != nil) }
    let before = guest.rig.translator.counters.walkReferences
    guest.rig.translator.worldSwitch()
    #expect(guest.rig.access(guest.address, .write, .user).mapped != nil)
    return guest.rig.translator.counters.walkReferences - before
  }

  @Test("With a tag an exit loses nothing, whatever the way of paging", arguments: [PagingMode.native, .nested, .shadow, .agile])
  func tagged(mode: PagingMode) throws { #expect(try referencesAfterExit(mode, .ept, vpid: true) == 0) }

  @Test("With an ASID of the guest's own an exit loses nothing")
  func asid() throws { #expect(try referencesAfterExit(.nested, .npt, vpid: true) == 0) }

  @Test("Without a VPID an exit loses the guest's mappings, and what is known of the guest-physical map alone stays: 4 references, not 24")
  func intel() throws { #expect(try referencesAfterExit(.nested, .ept, vpid: false) == 4) }

  @Test("Without an ASID an exit loses the nested tables too: more than 4 references, fewer than 24 as one walk helps itself")
  func amd() throws {
    let references = try referencesAfterExit(.nested, .npt, vpid: false)
    #expect(references > 4 && references <= 24)
  }

  @Test("Without a VPID a shadow walk begins anew: 4 references")
  func shadow() throws { #expect(try referencesAfterExit(.shadow, .ept, vpid: false) == 4) }

  @Test("An exit of an untagged guest leaves others' translations alone")
  func others() throws {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let (plain, tagged) = (
      try SmallGuest(.nested, options(.ept, vpid: false), tlb: tlb, vpid: 1), try SmallGuest(.nested, tlb: tlb, vpid: 2)
    )
    for guest in [plain, tagged] { #expect(guest.rig.access(guest.address, .read, .user).mapped != nil) }
    let before = tagged.rig.translator.counters.walks
    plain.rig.translator.worldSwitch()
    #expect(tagged.rig.access(tagged.address, .read, .user).mapped != nil && tagged.rig.translator.counters.walks == before)
  }

  @Test("A full log is an exit like others: counted, and an untagged guest loses its translations", arguments: [true, false])
  func fullLog(vpid: Bool) throws {
    let guest = try SmallGuest(.nested, options(.ept, vpid: vpid))
    let (rig, other) = (guest.rig, GuestVirtualAddress(guest.address.rawValue + 0x1000))
    rig.store(
      X86Entry.page(GuestFrame(41 as UInt64), writable: true, user: true, noExecute: false).rawValue, guest.place(1).advanced(by: 8))
    for address in [guest.address, other] { #expect(rig.access(address, .write, .user).mapped != nil) }
    let log = PageModificationLog(contents: rig.contents, frame: try #require(rig.frames.allocateTableFrame()))
    rig.map.modificationLog = log
    while !log.isFull { _ = log.log(GuestPhysicalAddress(0)) }
    let leaf = rig.map.leaf(of: guest.page)
    rig.map.clearDirty(guest.page, leaf)
    rig.tlb.invalidate(.pageFault(rig.tlb.space(TLBTag(vpid: VPID(1), ep4ta: rig.map.root)), guest.address))
    #expect(rig.access(guest.address, .write, .user).mapped != nil && guest.exits[.modificationLogFull] == 1 && log.count == 1)
    let before = rig.translator.counters.walks
    #expect(rig.access(other, .write, .user).mapped != nil)
    #expect(rig.translator.counters.walks - before == (vpid ? 0 : 1))
    #expect(rig.translator.counters.loggedPages == UInt64(PageModificationLog.capacity) + 1)
  }

  @Test("AMD's violations are nested page faults, and its loads of guest tables are writes: a read-only page of tables is refused")
  func nestedPageFault() throws {
    let guest = try SmallGuest(.nested, options(.npt, vpid: true), format: .npt)
    #expect(guest.rig.access(guest.address, .read, .user).mapped != nil)
    let faults = guest.exits[.nestedPageFault]
    #expect(faults > 0 && guest.exits[.eptViolation] == 0)
    guest.rig.protect(GuestFrame(2 as UInt64))
    guest.rig.tlb.invalidate(.everything)
    let violation = guest.rig.translator.translate(guest.address, .read, .user).violation
    #expect(violation?.frame == GuestFrame(2 as UInt64) && violation?.access == .write && violation?.isGuestTable == true)
    #expect(guest.exits[.nestedPageFault] == faults + 1)
  }
}
