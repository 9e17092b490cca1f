/// What mixtures found that nobody had thought of, shrunk.
extension TrialCase {
  static let found: [TrialCase] = [
    TrialCase(
      "unmerge-inside-scan", "a space is unmerged while the scanner stands inside it: what lies before its place stays until the next scan"
    ) {
      TrialStep.create(pages: 20)
      TrialStep.fill(space: 0, pages: 0..<10, content: 1)
      TrialStep.merge(space: 0, pages: 0..<20)
      TrialStep.distinct(20, space: 1)
      TrialStep.batch(pages: 6)
      TrialStep.unmerge(space: 0, pages: 0..<20)
      TrialStep.scans(2)
      TrialStep.merge(space: 0, pages: 0..<20)
      TrialStep.scans(2)
    },
    TrialCase(
      "unmerged-tree-page", "a search through the unstable tree ends at a page that may not be merged any more"
    ) {
      TrialStep.distinct(11)
      TrialStep.distinct(20, first: 20, space: 1)
      TrialStep.scan
      TrialStep.batch(pages: 14)
      TrialStep.unmerge(space: 0, pages: 0..<11)
      TrialStep.scans(3)
    },
    TrialCase(
      "fork-one-frame", "pages that a fork shares are merged frame by frame; a frame is not its own duplicate"
    ) {
      TrialStep.distinct(30)
      TrialStep.fork(space: 0)
      TrialStep.fork(space: 1)
      TrialStep.scans(2)
      TrialStep.fill(space: 1, pages: 0..<10, content: 5)
      TrialStep.scans(3)
    },
    TrialCase(
      "no-sharers", "a stable page whose sharers have all left takes no new one, though an unscanned child still maps it"
    ) {
      TrialStep.create(pages: 30)
      TrialStep.fill(space: 0, pages: 0..<10, content: 1)
      TrialStep.merge(space: 0, pages: 20..<30)
      TrialStep.fork(space: 0)
      TrialStep.merge(space: 0, pages: 0..<20)
      TrialStep.scan
      TrialStep.fill(space: 1, pages: 20..<22, content: 1)
      TrialStep.scan
      TrialStep.fill(space: 0, pages: 0..<10, content: 2)
      TrialStep.scans(3)
    },
    TrialCase(
      "run-2-mapped", "run = 2 keeps the stable pages that are mapped by areas which are not mergeable",
      KSMTrial.plain.with { $0.maxPageSharing = 3 }
    ) {
      TrialStep.create(pages: 40)
      TrialStep.copy(space: 0, pages: 0..<10, first: 1)
      TrialStep.fill(space: 0, pages: 10..<40, content: 3)
      TrialStep.merge(space: 0, pages: 0..<40)
      TrialStep.fork(space: 0)
      TrialStep.unmerge(space: 1, pages: 5..<30)
      TrialStep.scans(2)
      TrialStep.unmergeAll
      TrialStep.observe
      TrialStep.scans(4)
    },
    TrialCase(
      "checksum-of-fork", "each page keeps its own checksum, though a fork shares the frame", KSMTrial.plain.with { $0.smartScan = true }
    ) {
      TrialStep.distinct(30)
      TrialStep.scans(4)
      TrialStep.copy(space: 0, pages: 0..<20, first: 8)
      TrialStep.fork(space: 0)
      TrialStep.scans(6)
    },
    TrialCase(
      "run-2-in-order", "run = 2 goes space by space: nodes whose pages a later space still maps outlive the items of an earlier one",
      KSMTrial.plain.with { $0.maxPageSharing = 2 }
    ) {
      TrialStep.create(pages: 20)
      TrialStep.fill(space: 0, pages: 0..<2, content: 1)
      TrialStep.fork(space: 0)
      TrialStep.fill(space: 1, pages: 10..<17, content: 2)
      TrialStep.merge(space: 1, pages: 0..<20)
      TrialStep.scans(2)
      TrialStep.fork(space: 1)
      TrialStep.unmergeAll
      TrialStep.observe
      TrialStep.scans(4)
    },
  ]
}
