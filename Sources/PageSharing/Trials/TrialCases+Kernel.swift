/// What the kernel's own tests try (tools/testing/selftests/mm).
extension TrialCase {
  private static let zeros = KSMTrial.plain.with { $0.useZeroPages = true }

  static let kernelsOwn: [TrialCase] = [
    TrialCase(several: "merge", "equal pages merge: n pages of one content, for several n") {
      [1, 2, 3, 10, 100].map { count in
        KSMTrial(name: "merge:\(count)") {
          TrialStep.equal(count)
          TrialStep.scans(4)
        }
      }
    },
    TrialCase(
      "unmerge-by-writing", "a write gives each page a frame of its own; the counters follow at the next scan"
    ) {
      TrialStep.equal(10)
      TrialStep.scans(3)
      TrialStep.fill(space: 0, pages: 0..<5, content: 2)
      TrialStep.observe
      TrialStep.scan
      TrialStep.fill(space: 0, pages: 5..<10, content: 3)
      TrialStep.observe
      TrialStep.scans(3)
    },
    TrialCase(several: "zero-pages", "pages of zeros are mapped to the zero page with the knob on, and merged like others with it off") {
      [true, false].map { knob in
        KSMTrial(name: "zero-pages:\(knob ? "on" : "off")", settings: KSMTrial.plain.with { $0.useZeroPages = knob }) {
          TrialStep.equal(100, content: 0)
          TrialStep.scans(4)
          TrialStep.useZeroPages(!knob)
          TrialStep.scans(2)
          TrialStep.equal(50, content: 0, space: 1)
          TrialStep.scans(3)
        }
      }
    },
    TrialCase(
      "numa", "with merge_across_nodes off each node has trees of its own", KSMTrial.plain.with { $0.mergeAcrossNodes = false }
    ) {
      TrialStep.equal(64)
      TrialStep.scans(3)
    },
    TrialCase(
      "pairs", "4000 pages, 2000 pairs: merged, unmerged, merged again, written"
    ) {
      TrialStep.create(pages: 4000)
      TrialStep.copy(space: 0, pages: 0..<2000, first: 1)
      TrialStep.copy(space: 0, pages: 2000..<4000, first: 1)
      TrialStep.merge(space: 0, pages: 0..<4000)
      TrialStep.scans(3)
      TrialStep.unmerge(space: 0, pages: 0..<4000)
      TrialStep.observe
      TrialStep.scan
      TrialStep.merge(space: 0, pages: 0..<4000)
      TrialStep.scans(2)
      TrialStep.copy(space: 0, pages: 0..<2000, first: 3000)
      TrialStep.observe
      TrialStep.scans(2)
    },
    TrialCase(
      "zero-unmerge", "512 zero pages; unmerging half leaves 256; writing the rest leaves none", zeros
    ) {
      TrialStep.equal(512, content: 0)
      TrialStep.scans(3)
      TrialStep.unmerge(space: 0, pages: 0..<256)
      TrialStep.observe
      TrialStep.fill(space: 0, pages: 256..<512, content: 1)
      TrialStep.observe
      TrialStep.scans(2)
    },
    TrialCase(
      "discard-unmerge", "half of the merged pages are discarded, then all are unmerged"
    ) {
      TrialStep.equal(512)
      TrialStep.scans(3)
      TrialStep.discard(space: 0, pages: 0..<256)
      TrialStep.observe
      TrialStep.unmerge(space: 0, pages: 0..<512)
      TrialStep.observe
      TrialStep.scans(2)
    },
    TrialCase(
      "prot-none", "pages that nobody may access merge all the same"
    ) {
      TrialStep.equal(100)
      TrialStep.protect(space: 0, pages: 0..<100)
      TrialStep.scans(3)
      TrialStep.unmerge(space: 0, pages: 0..<50)
      TrialStep.observe
      TrialStep.scan
      TrialStep.unprotect(space: 0, pages: 0..<100)
      TrialStep.fill(space: 0, pages: 0..<100, content: 2)
      TrialStep.observe
      TrialStep.scans(2)
    },
    TrialCase(
      "fork", "a child inherits the registration and the merged pages; its own counts begin at 0"
    ) {
      TrialStep.equal(100)
      TrialStep.scans(3)
      TrialStep.fork(space: 0)
      TrialStep.observe
      TrialStep.scans(2)
      TrialStep.fill(space: 1, pages: 0..<50, content: 2)
      TrialStep.scan
      TrialStep.exit(space: 0)
      TrialStep.observe
      TrialStep.scans(4)
    },
    TrialCase(
      "fork-zero", "a child inherits the zero pages that were placed", zeros
    ) {
      TrialStep.equal(60, content: 0)
      TrialStep.scans(3)
      TrialStep.fork(space: 0)
      TrialStep.observe
      TrialStep.fill(space: 1, pages: 0..<20, content: 1)
      TrialStep.observe
      TrialStep.exit(space: 0)
      TrialStep.observe
      TrialStep.scans(2)
    },
  ]
}
