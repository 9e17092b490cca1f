import Foundation
import Reporting
import Testing

@Suite("SHA-256")
struct SHA256Tests {
  @Test(
    "Gives the digests of FIPS 180-4's examples and of the boundary lengths",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
      ),
    ])
  func knownDigests(message: String, digest: String) {
    #expect(SHA256.hexDigest(of: message) == digest)
  }

  @Test("Gives the digest of FIPS 180-4's million letters a")
  func millionLetters() {
    var hash = SHA256()
    hash.update(repeatElement(UInt8(ascii: "a"), count: 1_000_000))
    #expect(hash.hexDigest() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test("Does not depend on how the message was cut")
  func pieces() {
    let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    for cut in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 299] {
      var (whole, pieces) = (SHA256(), SHA256())
      whole.update(message)
      pieces.update(message[..<cut])
      pieces.update(message[cut...])
      let (a, b) = (whole.hexDigest(), pieces.hexDigest())
      #expect(a == b)
    }
  }

  @Test("A file's digest is its bytes' digest; a file that is missing is an error that names it")
  func files() throws {
    let folder = try TemporaryFolder()
    try folder.write("abc", "input")
    #expect(try SHA256.hexDigest(ofFile: folder.path("input")) == SHA256.hexDigest(of: "abc"))
    let missing = folder.path("missing")
    let error = #expect(throws: ReportingError.self) { try SHA256.hexDigest(ofFile: missing) }
    #expect(error == .unreadableInput(path: missing, reason: "no such file or folder"))
  }
}
