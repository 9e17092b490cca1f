import Columns
import Testing

@testable import PageSharing

/// The index of contents against a plain list.
@Suite struct ContentIndexTests {
  func entries(_ index: ContentIndex, _ hash: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var probe = index.probe(hash)
    while let entry = index.next(&probe) { found.append(entry) }
    return found
  }

  @Test(
    "Every search finds the entries of its hash in order of insertion, whatever was removed and however the index grew", arguments: 0..<40)
  func agreesWithList(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("index")
    let index = ContentIndex(capacity: 400)
    var list: [(entry: UInt32, hash: UInt32)] = []
    // Few hashes, some of which differ in their trailing bits only, and some at the end of the slots, where searches wrap around.
    let hashes: [UInt32] = [
      0, 1, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0xfc00_0000, UInt32(truncatingIfNeeded: random.next()),
    ]
    for entry in 0..<400 as Range<UInt32> {
      let hash = hashes[random.index(below: hashes.count)]
      index.insert(entry, hash: hash)
      list.append((entry, hash))
      if random.oneIn(3) {
        let victim = list.remove(at: random.index(below: list.count))
        index.remove(victim.entry, hash: victim.hash)
      }
      if random.oneIn(5), let place = list.indices.last(where: { $0 % 3 == 0 }) {
        index.replace(list[place].entry, with: 1000 + entry, hash: list[place].hash)
        list[place].entry = 1000 + entry
      }
      guard entry % 16 == 0 else { continue }
      #expect(index.count == list.count)
      for hash in hashes { #expect(entries(index, hash) == list.filter { $0.hash == hash }.map(\.entry)) }
    }
    index.removeAll()
    for hash in hashes { #expect(entries(index, hash).isEmpty) }
  }

  @Test("An index holds as many entries as it was made for, and at least a fifth of its slots stays empty")
  func capacity() {
    for capacity in [0, 1, 47, 48, 49, 1000] {
      let index = ContentIndex(capacity: capacity)
      for entry in 0..<capacity { index.insert(UInt32(entry), hash: UInt32(entry) &* 0x9e37_79b9) }
      #expect(index.count == capacity)
      #expect(index.size / 5 * 4 >= capacity)
      for entry in 0..<capacity { #expect(entries(index, UInt32(entry) &* 0x9e37_79b9) == [UInt32(entry)]) }
    }
  }
}
