import Addressing
import TestSupport
import Testing

@Suite("Sizes are read and written as people write them")
struct ByteSizeTests {
  @Test(
    "A number and a binary unit is a size",
    arguments: [
      ("0B", 0), ("1B", 1), ("1KiB", 1024), ("512MiB", 536_870_912), ("4GiB", 4_294_967_296), ("1.5GiB", 1_610_612_736),
      ("16TiB", 17_592_186_044_416), ("1PiB", 1_125_899_906_842_624), ("2 MiB", 2_097_152), ("0.5KiB", 512), ("1.000KiB", 1024),
      ("007B", 7), ("0.001953125KiB", 2), ("18446744073709551615B", 18_446_744_073_709_551_615),
      ("16383.5PiB", 18_446_181_123_756_130_304),
    ] as [(String, UInt64)])
  func valid(text: String, bytes: UInt64) throws {
    #expect(try ByteSize(parsing: text).bytes == bytes)
  }

  @Test(
    "What is no size is refused, in words that name the fault",
    arguments: [
      ("512", "needs a unit"), ("512M", "not a unit"), ("512MB", "not a unit"), ("512mib", "not a unit"), ("-1GiB", "negative"),
      ("1.3B", "not a whole number of bytes"), ("0.000000001PiB", "not a whole number of bytes"), ("NaN", "a number and a unit"),
      ("", "a number and a unit"), (" ", "a number and a unit"), (" 1GiB", "a number and a unit"), ("1GiB ", "not a unit"),
      ("GiB", "a number and a unit"), ("1e9B", "not a unit"), ("1..5GiB", "not a number"), ("1.2.3GiB", "not a number"),
      (".5GiB", "not a number"), (".", "needs a unit"), (".B", "not a number"), ("1.GiB", "at most nine decimals"),
      ("1.0000000000GiB", "at most nine decimals"), ("99999999999GiB", "larger than"), ("18446744073709551616B", "larger than"),
      ("16384PiB", "larger than"), ("99999999999999999999999GiB", "larger than"), ("٣GiB", "a number and a unit"),
      ("0x10MiB", "not a unit"), ("1,5GiB", "not a unit"), ("1\u{212a}iB", "not a unit"), ("+1GiB", "a number and a unit"),
      ("1GiB\0", "not a unit"), ("½GiB", "a number and a unit"),
    ])
  func invalid(text: String, problem: String) {
    let error = #expect(throws: ByteSizeError.self) { try ByteSize(parsing: text) }
    #expect(error?.text == text)
    #expect(error?.problem.contains(problem) == true, "\(error?.problem ?? "")")
  }

  @Test("A size's description is read back as the same size", arguments: 0..<20 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      // Few bits or many, at any place of the word.
      let few = generator.next() >> UInt64.random(in: 0..<64, using: &generator)
      let size = ByteSize(bytes: few << UInt64.random(in: 0..<64, using: &generator))
      #expect(try ByteSize(parsing: size.description) == size)
    }
  }

  @Test(
    "The description uses the largest unit that stays exact",
    arguments: [
      (0, "0B"), (1, "1B"), (1023, "1023B"), (1024, "1KiB"), (1536, "1536B"), (536_870_912, "512MiB"), (1_610_612_736, "1536MiB"),
      (1 << 60, "1024PiB"), (UInt64.max, "18446744073709551615B"),
    ] as [(UInt64, String)])
  func description(bytes: UInt64, text: String) {
    #expect(ByteSize(bytes: bytes).description == text)
  }

  @Test(
    "For reading, a size is rounded to the nearest tenth, halves up",
    arguments: [
      (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1075, "1.0 KiB"), (1076, "1.1 KiB"), (1536, "1.5 KiB"),
      (1_048_575, "1024.0 KiB"), (1 << 20, "1.0 MiB"), (1_610_612_736, "1.5 GiB"), (1_127_428_915, "1.0 GiB"),
      (1_127_428_916, "1.1 GiB"), (1 << 50, "1.0 PiB"), (UInt64.max, "16384.0 PiB"),
    ] as [(UInt64, String)])
  func rounded(bytes: UInt64, text: String) {
    #expect(ByteSize(bytes: bytes).rounded == text)
  }

  @Test("Sizes are ordered by amount, whatever their unit")
  func order() throws {
    #expect(try ByteSize(parsing: "1023KiB") < ByteSize(parsing: "1MiB"))
    #expect(try ByteSize(parsing: "1024KiB") == ByteSize(parsing: "1MiB"))
  }
}
