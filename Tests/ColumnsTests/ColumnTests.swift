import Columns
import TestSupport
import Testing

@Suite("Columns")
struct ColumnTests {
  @Test("A column begins as zeros, small or large", arguments: [0, 1, 511, 512, 513, 2_000_000])
  func zeroed(count: Int) {
    let column = Column<UInt64>(count: count)
    #expect(column.count == count)
    #expect(stride(from: 0, to: count, by: max(1, count / 1000)).allSatisfy { column[$0] == 0 })
    if count > 0 { #expect(column[count - 1] == 0) }
  }

  @Test("What is stored at an index is read there and nowhere else", arguments: 0..<5 as Range<UInt64>)
  func storesLikeAnArray(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let count = Int.random(in: 1...300, using: &generator)
    let column = Column<UInt16>(count: count, repeating: 7)
    var twin = [UInt16](repeating: 7, count: count)
    for _ in 0..<500 {
      let (index, value) = (Int.random(in: 0..<count, using: &generator), UInt16.random(in: 0...UInt16.max, using: &generator))
      if index % 10 == 0 {
        let range = index..<Int.random(in: index...count, using: &generator)
        column.fill(range, with: value)
        for filled in range { twin[filled] = value }
      } else {
        column[index] = value
        twin[index] = value
      }
    }
    #expect((0..<count).allSatisfy { column[$0] == twin[$0] })
    #expect(unsafe column.withBuffer { unsafe Array($0) } == twin)
  }

  @Test("An index or a range outside the column ends the program")
  func bounds() async {
    await #expect(processExitsWith: .failure) { Column<UInt8>(count: 8)[8] = 1 }
    await #expect(processExitsWith: .failure) { _ = Column<UInt8>(count: 8)[-1] }
    await #expect(processExitsWith: .failure) { Column<UInt8>(count: 8).fill(4..<9, with: 1) }
    await #expect(processExitsWith: .failure) { BitColumn(count: 65)[65] = true }
  }
}

@Suite("Bit columns")
struct BitColumnTests {
  @Test("A bit column answers as an array of booleans does", arguments: 0..<10 as Range<UInt64>)
  func twin(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let count = [1, 63, 64, 65, 128, 1000].randomElement(using: &generator) ?? 1
    let bits = BitColumn(count: count)
    var twin = [Bool](repeating: false, count: count)
    for step in 0..<1000 {
      let index = Int.random(in: 0..<count, using: &generator)
      let value = Bool.random(using: &generator)
      bits[index] = value
      twin[index] = value
      if step % 100 == 0 {
        #expect((0..<count).allSatisfy { bits[$0] == twin[$0] })
        #expect(bits.setCount == twin.count { $0 })
      }
    }
    bits.clear()
    #expect(bits.setCount == 0)
  }

  @Test("A bit column of no bits has none set")
  func empty() { #expect(BitColumn(count: 0).setCount == 0) }
}
