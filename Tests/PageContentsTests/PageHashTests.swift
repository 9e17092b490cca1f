import PageContents
import Testing

@Suite("Hashes of pages")
struct PageHashTests {
  @Test(
    "A page of equal bytes has the checksum that Linux KSM keeps of it",
    arguments: [(0x00, 0x32d8_bbdb), (0xcf, 0xced8_678f), (0x2a, 0x9005_251d), (0x11, 0xacdb_4f93)] as [(UInt8, UInt32)])
  func ksmChecksums(byte: UInt8, checksum: UInt32) {
    let page = [UInt8](repeating: byte, count: 4096)
    #expect(page.ksmChecksum == checksum)
  }

  @Test("The hash of no bytes is the one that xxHash publishes")
  func emptyVectors() {
    let none: [UInt8] = []
    #expect(none.ksmChecksum == 0x51d8_e999)
    #expect(none.indexHash == 0x2d06_8005_38d3_94c2)
    #expect((none.fingerprint.high, none.fingerprint.low) == (0x99aa_06d3_0147_98d8, 0x6001_c324_468d_497f))
  }

  @Test("Every hash sees a change of any one byte", arguments: [0, 1, 2047, 4095])
  func oneByte(offset: Int) {
    let page = [UInt8](repeating: 3, count: 4096)
    var changed = page
    changed[offset] ^= 0x10
    #expect(page.ksmChecksum != changed.ksmChecksum)
    #expect(page.indexHash != changed.indexHash)
    #expect(page.fingerprint != changed.fingerprint)
  }

  @Test("A page is zero exactly if all its bytes are, at any length and place")
  func zero() {
    for count in [0, 1, 31, 32, 33, 64, 100] {
      var bytes = [UInt8](repeating: 0, count: count)
      #expect(bytes.isZeroPage)
      for offset in 0..<count {
        bytes[offset] = 1
        #expect(!bytes.isZeroPage)
        bytes[offset] = 0
      }
    }
  }
}
