import Addressing
import Columns
import PageContents
import Testing

@Suite("Frames that walks rest on")
struct WatchTests {
  private let contents = FrameContents(frameCount: 4, detachedCapacity: 1)
  private let frame = HostFrame(1)
  private let other = HostFrame(2)

  init() {
    contents.storeWord(7, 3, of: frame)
    contents.storeWord(8, 3, of: other)
  }

  /// How much `walkChanges` grows.
  private func growth(_ body: () -> Void) -> UInt64 {
    let before = contents.walkChanges
    body()
    return contents.walkChanges - before
  }

  /// What changes words of the frame and leaves its bytes where they are.
  private var wordChanges: [() -> Void] {
    [
      { contents.storeWord(9, 5, of: frame) },
      { contents.store(9, frame.address) },
      { contents.fill(frame, with: [1, 2, 3]) },
      { contents.copy(other, to: frame) },
    ]
  }

  /// What takes the frame's bytes away.
  private var moves: [() -> Void] {
    [
      { contents.setContent(.zero, of: frame) },
      { contents.copy(HostFrame(0), to: frame) },
      { contents.put(contents.take(from: other), into: frame) },
      { contents.drop(contents.take(from: frame)) },
      { contents.setBytes(Column<UInt8>(count: 4096), of: frame, guess: .zero) },
    ]
  }

  @Test("The count is never 0, and grows when somebody says so")
  func count() {
    #expect(contents.walkChanges > 0)
    #expect(growth { contents.noteWalkChange() } == 1)
  }

  @Test("A frame that holds no bytes cannot be watched, and one that does shows its words")
  func words() throws {
    #expect(contents.watch(HostFrame(0), words: true) == nil)
    let words = try #require(contents.watch(frame, words: false))
    #expect(words[3] == 7)
    #expect(words[512 + 3] == 7, "only the nine lowest bits of an index count")
    contents.storeWord(11, 3, of: frame)
    #expect(words[3] == 11, "the bytes are where they were")
  }

  @Test("Changes of a frame that nobody watches raise nothing", arguments: 0..<9)
  func unwatched(change: Int) {
    _ = contents.watch(other, words: true)
    if change < 4 {
      #expect(growth(wordChanges[change]) == 0)
    } else if change - 4 != 2 {
      #expect(growth(moves[change - 4]) == 0)
    }
  }

  @Test("A change of a word raises the count where words are watched, once until they are watched again", arguments: 0..<4)
  func wordsChange(change: Int) {
    _ = contents.watch(frame, words: true)
    #expect(growth(wordChanges[change]) == 1)
    #expect(growth(wordChanges[change]) == 0)
    _ = contents.watch(frame, words: true)
    #expect(growth(wordChanges[change]) == 1)
  }

  @Test("A change of a word raises nothing where the bytes' place alone is watched", arguments: 0..<4)
  func place(change: Int) {
    _ = contents.watch(frame, words: false)
    #expect(growth(wordChanges[change]) == 0)
  }

  @Test("Bytes that go raise the count however they are watched, and the frame is watched no more", arguments: 0..<5, [false, true])
  func moves(move: Int, words: Bool) {
    _ = contents.watch(frame, words: words)
    #expect(growth(moves[move]) == 1)
    #expect(growth { contents.setContent(.repeated(1), of: frame) } == 0)
  }

  @Test("A frame watched both ways is still watched for its place after a word has changed")
  func both() {
    _ = contents.watch(frame, words: false)
    _ = contents.watch(frame, words: true)
    #expect(growth { contents.storeWord(1, 0, of: frame) } == 1)
    #expect(growth { contents.setContent(.zero, of: frame) } == 1)
  }

  @Test("Bytes that are put into another frame are not watched there")
  func moved() {
    _ = contents.watch(frame, words: true)
    #expect(growth { contents.put(contents.take(from: frame), into: other) } == 1)
    #expect(growth { contents.storeWord(1, 0, of: other) } == 0)
  }

  @Test("Reading raises nothing, and what is read does not show who watches")
  func reading() {
    let before = contents.indexHash(of: frame)
    _ = contents.watch(frame, words: true)
    _ = contents.watch(frame, words: false)
    let growth = growth {
      #expect(contents.indexHash(of: frame) == before)
      #expect(contents.loadWord(3, of: frame) == 7 && contents.load(frame.address) == 0 && contents.loadHeld(frame.address) == 0)
      #expect(contents.content(of: frame) == nil && !contents.isZero(frame) && !contents.areEqual(frame, other))
      contents.copy(frame, to: other)
      #expect(contents.areEqual(frame, other) && contents.order(frame, other) == 0)
    }
    #expect(growth == 0)
  }
}

@Suite("Remembered tables")
struct RememberedTablesTests {
  private let contents = FrameContents(frameCount: 1)
  private let words: WatchedWords

  init() throws {
    contents.storeWord(9, 300, of: HostFrame(0))
    words = try #require(contents.watch(HostFrame(0), words: false))
  }

  private func table(_ region: UInt64, owner: UInt64 = 5, changes: UInt64 = 1) -> RememberedTable {
    RememberedTable(region: region, owner: owner, changes: changes, rights: 7, words: words, references: 24)
  }

  @Test("Nothing is remembered of any region at first: the count of changes is never 0", arguments: [0, 1, 4096, .max] as [UInt64])
  func empty(region: UInt64) {
    #expect(!RememberedTables()[region].isOf(region, owner: 0, changes: contents.walkChanges))
    #expect(RememberedTables()[region].entry(300) == 0)
  }

  @Test("A table counts for its region, its owner, and as long as nothing has changed")
  func exact() {
    let tables = RememberedTables()
    tables[77] = table(77)
    let found = tables[77]
    #expect(found.isOf(77, owner: 5, changes: 1) && found.rights == 7 && found.entry(300) == 9 && found.references == 24)
    for other in [(78, 5, 1), (77, 4, 1), (77, 5, 2), (77 | 1 << 40, 5, 1)] as [(UInt64, UInt64, UInt64)] {
      #expect(!found.isOf(other.0, owner: other.1, changes: other.2))
    }
  }

  @Test("Regions of 8 GiB have places of their own, and two that share one take turns")
  func places() {
    let tables = RememberedTables()
    let count: UInt64 = (8 << 30) >> 21
    for region in 0..<count { tables[region] = table(region) }
    for region in 0..<count { #expect(tables[region].isOf(region, owner: 5, changes: 1)) }
    tables[count + 3] = table(count + 3)
    #expect(tables[count + 3].isOf(count + 3, owner: 5, changes: 1))
    #expect(!tables[3].isOf(3, owner: 5, changes: 1) && tables[4].isOf(4, owner: 5, changes: 1))
  }
}
