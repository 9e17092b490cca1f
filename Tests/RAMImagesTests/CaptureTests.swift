import PageSharing
import RAMImages
import Testing

/// What lasts over several captures of the same guests.
@Suite("Repeated captures") struct CaptureTests {
  func comparison(_ guests: [(name: String, identities: [UInt32])]) throws -> CaptureComparison {
    let file = try RecordedFile(Build.trace(guests))
    let inputs = try file.input
    return try CaptureComparison(inputs, try ExactScanner().classes(of: inputs))
  }

  @Test("Only pages of the same content in every capture are stable, and only they are counted as saved") func twoGuests() throws {
    // web: pages 0 (zero), 1, 2 and 4 stay; db: 0, 1, 3 stay. Stable: web 0 7 8 8, db 0 7 9.
    let found = try comparison([
      ("web.t0", [0, 7, 8, 5, 8]), ("web.t1", [0, 7, 8, 6, 8]), ("db.t0", [0, 7, 5, 9]), ("db.t1", [0, 7, 6, 9]),
    ])
    #expect(found.count == 2 && found.pages == 9 && found.stablePages == 7)
    #expect(found.guests.map(\.name) == ["web", "db"] && found.guests.map(\.stablePages) == [4, 3])
    // Each snapshot: a zero page, an 8, a 7 and a 5 (or 6).
    #expect(found.snapshots.map(\.savedPages) == [4, 4])
    #expect(found.stable.savedZero == 1 && found.stable.savedSelf == 1 && found.stable.savedInter == 1)
  }

  @Test("A page that changes and changes back counts as stable only if no capture saw the change") func changesBack() throws {
    #expect(try comparison([("a@1", [3, 3]), ("a@2", [3, 3]), ("a@3", [3, 3])]).stable.savedPages == 1)
    let seen = try comparison([("a@1", [3, 3]), ("a@2", [3, 4]), ("a@3", [3, 3])])
    #expect(seen.stable.savedPages == 0 && seen.snapshots.map(\.savedPages) == [1, 0, 1] && seen.stablePages == 1)
  }

  @Test("Names that have nothing in common are captures of one guest") func oneGuest() throws {
    let found = try comparison([("monday", [1, 2]), ("tuesday", [1, 3])])
    #expect(found.guests.map(\.name) == ["monday"] && found.count == 2 && found.stablePages == 1)
  }

  @Test("Images and their fingerprints are compared as well, by address") func images() throws {
    let (first, second) = (try RecordedFile(Build.page(1) + Build.page(0)), try RecordedFile(Build.page(2) + Build.page(0)))
    let inputs = try first.input + second.input
    let classes = try ExactScanner().classes(of: inputs)
    let found = try CaptureComparison(inputs, classes)
    #expect(found.pages == 2 && found.stablePages == 1 && found.stable.savedPages == 0)
    let hashes = try RecordedFile([])
    try ExactScanner().fingerprints(of: inputs).write(to: hashes.path)
    let hashed = try hashes.input
    #expect(try CaptureComparison(hashed, try ExactScanner().classes(of: hashed)).stablePages == 1)
    let moved = try RecordedFile(Build.lime([(first: 0x5000, bytes: Build.page(1) + Build.page(0))]))
    let others = try first.input + moved.input
    let error = #expect(throws: ImageError.self) { _ = try CaptureComparison(others, try ExactScanner().classes(of: others)) }
    #expect(error?.problem.contains("same pages") == true)
  }

  @Test("One capture, unequal numbers of captures and unequal pages are refused") func refusals() throws {
    for guests in [
      [("a", [1])], [("a.1", [1]), ("a.2", [1]), ("b.1", [1])], [("a.1", [1]), ("a.2", [1]), ("b.1", [1]), ("b.2", [1]), ("b.3", [1])],
      [("a.1", [1, 2]), ("a.2", [1])],
    ] as [[(name: String, identities: [UInt32])]] {
      let error = #expect(throws: ImageError.self) { _ = try comparison(guests) }
      #expect(error?.kind == .incompatible)
    }
  }
}
