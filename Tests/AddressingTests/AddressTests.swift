import Addressing
import TestSupport
import Testing

@Suite("Addresses and page numbers")
struct AddressTests {
  @Test(
    "A page size is what the Intel SDM says of the level that maps it",
    arguments: [(PageSize.size4K, 4096, 1, 1, "4K"), (.size2M, 2_097_152, 512, 2, "2M"), (.size1G, 1_073_741_824, 262_144, 3, "1G")]
      as [(PageSize, UInt64, UInt64, Int, String)])
  func pageSizes(size: PageSize, bytes: UInt64, pages: UInt64, level: Int, name: String) {
    #expect(size.bytes == bytes)
    #expect(size.pages == pages)
    #expect(size.level == level)
    #expect(PageSize(leafLevel: level) == size)
    #expect(size.description == name)
    #expect(PageSize(name) == size)
  }

  @Test("No other level maps a page, and no other name is a page size's")
  func noOtherPageSizes() {
    for level in [-1, 0, 4, 5] { #expect(PageSize(leafLevel: level) == nil) }
    for name in ["", "4k", "4KiB", "512M", "2M "] { #expect(PageSize(name) == nil) }
  }

  @Test("An address is its page's first byte plus its offset, for every page size", arguments: 0..<10 as Range<UInt64>)
  func pageAndOffset(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      let address = GuestVirtualAddress(generator.next())
      for size in PageSize.allCases {
        #expect(address.aligned(to: size).rawValue == address.rawValue / size.bytes * size.bytes)
        #expect(address.offset(in: size) == address.rawValue % size.bytes)
        #expect(address.aligned(to: size).advanced(by: address.offset(in: size)) == address)
      }
      #expect(address.page.rawValue == address.rawValue / 4096)
      #expect(address.page.address == address.aligned(to: .size4K))
      #expect(GuestVirtualPage(address.page.index) == address.page)
      let frame = HostFrame(generator.next() >> 12)
      #expect(frame.address(atOffsetOf: address).rawValue == frame.rawValue * 4096 + address.rawValue % 4096)
    }
  }

  @Test("Addresses and page numbers wrap at 2^64, as hardware adds")
  func wrap() {
    #expect(HostPhysicalAddress(UInt64.max).advanced(by: 1) == HostPhysicalAddress(0 as UInt64))
    #expect(HostPhysicalAddress(0xffff_ffff_ffff_f800 as UInt64).advanced(by: 0x1000).rawValue == 0x800)
    #expect(HostFrame(UInt64.max).advanced(by: 2).rawValue == 1)
    #expect(GuestFrame(7).advanced(by: 5) == GuestFrame(12))
  }

  @Test("The last page's number leads to the last page's address")
  func lastPage() {
    #expect(GuestPhysicalAddress(UInt64.max).page.rawValue == 0xf_ffff_ffff_ffff)
    #expect(GuestPhysicalAddress(UInt64.max).page.address.rawValue == 0xffff_ffff_ffff_f000)
  }

  @Test("Addresses, page numbers and identities are ordered as their numbers, unsigned")
  func order() {
    #expect(GuestVirtualAddress(1) < GuestVirtualAddress(0xffff_8000_0000_0000))
    #expect(GuestFrame(1) < GuestFrame(UInt64.max))
    #expect(VMID(1) < VMID(2))
    #expect(PageOrdinal(1) < PageOrdinal(UInt32.max))
    #expect(PageOrdinal(UInt32.max).index == 4_294_967_295)
  }

  @Test("Addresses and page numbers print in hexadecimal, their spaces by the field's abbreviations")
  func printing() {
    #expect(GuestVirtualAddress(0x7f00).description == "0x7f00")
    #expect(GuestFrame(0x7f).description == "0x7f")
    #expect([GuestVirtual.abbreviation, GuestPhysical.abbreviation, HostPhysical.abbreviation] == ["GVA", "GPA", "HPA"])
  }
}
