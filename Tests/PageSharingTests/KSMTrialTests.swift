import PageContents
import PageSharing
import Testing

@Suite struct KSMTrialTests {
  private func problem(_ steps: TrialStep...) -> TrialError? {
    do throws(TrialError) {
      _ = try KSMTrial(name: "trial", steps: steps).layout()
      return nil
    } catch { return error }
  }

  @Test("A step that cannot be carried out is refused, with its number, before anybody begins")
  func invalidSteps() {
    #expect(problem(.fill(space: 0, pages: 0..<1, content: 0)) == TrialError(step: 0, problem: "there is no space 0"))
    #expect(problem(.create(pages: 0))?.step == 0)
    #expect(problem(.create(pages: 4), .read(space: 0, pages: 2..<5))?.problem == "space 0 has no pages 2..<5")
    #expect(problem(.create(pages: 4), .exit(space: 0), .fork(space: 0)) == TrialError(step: 2, problem: "space 0 has ended"))
    #expect(problem(.create(pages: 4), .protect(space: 0, pages: 1..<2), .read(space: 0, pages: 0..<2))?.step == 2)
    #expect(problem(.create(pages: 4), .writeByte(space: 0, page: 0, offset: 4096, value: 1))?.step == 1)
    #expect(problem(.create(pages: 4), .copy(space: 0, pages: 0..<4, first: -1))?.step == 1)
    #expect(problem(.create(pages: 4), .batch(pages: 0))?.step == 1)
    #expect(problem(.create(pages: 4), .discard(space: 0, pages: 2..<2))?.problem == "no pages are named")
  }

  @Test("Spaces lie one behind the other, forked ones too, and the table is as long as the highest content that is named")
  func layout() throws {
    let steps: [TrialStep] = [.create(pages: 4), .copy(space: 0, pages: 1..<3, first: 5), .fork(space: 0), .create(pages: 2)]
    let layout = try KSMTrial(name: "trial", steps: steps).layout()
    #expect(layout.spaces == [0..<4, 4..<8, 8..<10])
    #expect(layout.contentCount == 7)
    #expect(layout.pageCount == 10)
  }

  @Test("A table that is too short is refused")
  func shortTable() {
    #expect(throws: TrialError.self) {
      try PreparedTrial(KSMTrial(name: "trial", steps: [.create(pages: 1), .fill(space: 0, pages: 0..<1, content: 3)]), contents: [.zero])
    }
  }

  @Test("The same seed gives the same mixture, another one another, and all are valid")
  func mixtures() {
    let mixtures = (0..<50).map { PreparedTrial.mixture(seed: $0) }
    #expect(mixtures[7].trial == PreparedTrial.mixture(seed: 7).trial && mixtures[7].contents == PreparedTrial.mixture(seed: 7).contents)
    #expect(Set(mixtures.map(\.trial.steps)).count == 50)
    #expect(PreparedTrial.mixture(seed: 7, rounds: 3).trial.steps.count { $0 == .scan } == 3)
  }

  @Test("Every built-in case has a name of its own and valid trials, and is found by its name")
  func cases() {
    #expect(Set(TrialCase.all.map(\.name)).count == TrialCase.all.count)
    for question in TrialCase.all {
      #expect(!question.trials.isEmpty && question.trials.allSatisfy { $0.trial.steps.contains(.scan) })
      #expect(TrialCase.named(question.name)?.line == question.line)
    }
    #expect(TrialCase.named("no such case") == nil)
  }

  /// The kernel's numbers for max_page_sharing 256, as they were measured: equal pages, shared, sharing, unshared, chains, dups.
  @Test(
    "The model fills stable pages as Linux 6.18 did",
    arguments: [
      [256, 1, 255, 0, 0, 0], [257, 1, 255, 1, 0, 0], [258, 2, 256, 0, 1, 2], [514, 3, 511, 0, 1, 3], [10_000, 40, 9960, 0, 1, 40],
    ])
  func knownCounts(row: [UInt64]) throws {
    let steps: [TrialStep] = [
      .create(pages: Int(row[0])), .fill(space: 0, pages: 0..<Int(row[0]), content: 1), .merge(space: 0, pages: 0..<Int(row[0])), .scan,
      .scan, .scan,
    ]
    let trial = try PreparedTrial(KSMTrial(name: "equal", steps: steps))
    let model = ModelTrial(trial.trial, layout: trial.layout, palette: SyntheticPages(trial.contents))
    let counters = try #require(model.run(trial.trial).last).counters
    let found = [
      counters.pagesShared, counters.pagesSharing, counters.pagesUnshared, counters.stableNodeChains, counters.stableNodeDups,
    ]
    #expect(found == Array(row[1...]))
  }
}
