import Addressing
import Testing

@testable import TranslationCaching

@Suite struct GeometryTests {
  @Test("a geometry is read back from its description, and a preset from its name")
  func parsing() throws {
    for preset in TLBPreset.all {
      #expect(try TLBGeometry(parsing: preset.geometry.description) == preset.geometry)
      #expect(try TLBGeometry(parsing: preset.name) == preset.geometry)
      #expect(!preset.source.isEmpty)
    }
    #expect(TLBPreset.golden.geometry.description == "l1i=32x32,l1d=64x4,l2=1536x6")
  }

  @Test(
    "a text in any order comes back in one order",
    arguments: [
      ("l2=1536x6,l1d=64x4,l1i=32x32", "l1i=32x32,l1d=64x4,l2=1536x6"),
      ("l1=64x4", "l1=64x4"),
      ("l1d=64x4,l1d-2m=32x4,l1d-1g=4x4,l1i=8x8", "l1i=8x8,l1d-4k=64x4,l1d-2m=32x4,l1d-1g=4x4"),
      ("policy=plru,l1=64x4,l2-1g=16x4,l2=1536x8", "l2"),
      ("ntlb=16,pde=32x4,pml4e=4,l1=64x4,policy=fifo,epde=8", "l1=64x4,pml4e=4,pde=32x4,epde=8,ntlb=16,policy=fifo"),
      ("l1=8x8,l2i=16x4,l2d-4k+2m=32x4", "l1=8x8,l2i=16x4,l2d-4k+2m=32x4"),
    ])
  func canonical(_ text: String, _ expected: String) throws {
    guard expected != "l2" else {
      #expect(throws: TLBGeometryError.self) { try TLBGeometry(parsing: text) }
      return
    }
    #expect(try TLBGeometry(parsing: text).description == expected)
  }

  @Test("a structure without sizes holds those that no other of its place names; one size may be left to pieces")
  func sizes() throws {
    let geometry = try TLBGeometry(parsing: "l1=64x4,l1-2m=8x8,l2-4k=16x4")
    #expect(geometry.structure(level: 1, isFetch: true, .size4K)?.sizes.sizes == [.size4K, .size1G])
    #expect(geometry.structure(level: 1, isFetch: false, .size2M)?.level.entries == 8)
    #expect(geometry.structure(level: 2, isFetch: false, .size1G) == nil)
  }

  @Test("every example of the grammar makes a TLB, and a size that stands behind the ways is told where it belongs")
  func grammar() throws {
    let examples = TLBGeometry.grammar.joined(separator: " ").split(separator: " ").filter { $0.contains("=") && $0.contains(",") }
      .map { $0.last == "." || $0.last == ";" ? String($0.dropLast()) : String($0) }.filter { $0.contains(where: \.isNumber) }
    #expect(examples.count == 2)
    for example in examples { _ = try TLBGeometry(parsing: example) }
    for text in ["l1d=64x4:4K", "l1d=64x4-4k", "l1d=64x4/4K"] {
      let error = #expect(throws: TLBGeometryError.self) { try TLBGeometry(parsing: text) }
      #expect(error?.problem.hasSuffix("l1d-4k=64x4") == true)
    }
  }

  @Test(
    "text that makes no TLB is refused, not trapped on",
    arguments: [
      "", "golde", "l1i=32x32", "l2=32x32,l1d=64x4", "l1i=32x32,l1d=64x4,l2=1536x5", "l1i=32x32,l1d=64x4,l2=1536x8",
      "l1i=32x32,l1d=64x4,l2=0x0",
      "l1i=32x32,l1d=64x0,l2=1536x6", "l1i=32x32,l1d=64x4,l2=-4x-4", "l1i=32x32,l1i=32x32,l1d=64x4,l2=1536x6",
      "l1i=32x32,l1d=64x4,l3=1536x6",
      "l1i=32x32,l1d=64x4,l2=99999999999999999999x6", "l1i=32x32,l1d=64x4,l2=1536x6,", "l1i=32x32,l1d=64x4,l2=2097152x1", "l1i=32,l1d=64x4",
      "l1i=1x2,l1d=64x4", "l1=8x8,l1d=8x8", "l1=8x8,l2=8x8,l2d=8x8", "l1-2m=8x8", "l1-4m=8x8", "l1-=8x8", "l1-4k+4k=8x8",
      "l1=8x8,l1-4k+2m+1g=8x8",
      "l1=6x6,policy=plru", "l1=128x128,policy=plru", "l1=8x8,ntlb=6,policy=plru", "l1=8x8,policy=best", "l1=8x8,pde=0", "l1=8x8,pde=",
      "l1=8x8,pde",
      "l1=8x8,l1=8x8,l1=8x8", "=8x8", "l1=8x8=8", "l1=١x1", "l1-4k=8x8,l1-4k+2m=8x8",
    ])
  func refused(_ text: String) { #expect(throws: TLBGeometryError.self) { try TLBGeometry(parsing: text) } }
}
