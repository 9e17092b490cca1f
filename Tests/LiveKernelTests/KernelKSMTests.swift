import Foundation
import LiveKernel
import PageSharing
import Testing

private let canAskKSM = KernelKSM.isPresent && geteuid() == 0

/// What the running kernel does, and what memlab does with it. KSM is one per machine: these tests run one after the other, and wait for
/// others.
@Suite(.serialized, .enabled(if: canAskKSM, "this kernel has no KSM, or we are not root: the model is not compared with it"))
struct KernelKSMTests {
  private static let knobs = [
    "run", "advisor_mode", "max_page_sharing", "merge_across_nodes", "use_zero_pages", "smart_scan", "pages_to_scan", "sleep_millisecs",
    "stable_node_chains_prune_millisecs",
  ]

  private static func settings() -> [String] {
    knobs.map { (try? String(contentsOfFile: "\(KernelKSM.folder)/\($0)", encoding: .utf8)) ?? "none" }
  }

  private static func session() throws -> KernelKSM { try KernelKSM(patience: 240) }

  private static func report(_ result: TrialComparison) {
    guard let row = result.rows.first(where: { !$0.isEqual }) else { return }
    let counters = row.counters.filter { $0.difference != 0 }.map { "\($0.name): kernel \($0.kernel), model \($0.model)" }
    Issue.record("\(result.name), \(row.moment): \(counters.joined(separator: "; "))")
  }

  @Test("Twenty random mixtures give the same counters in the kernel and in the model after every scan")
  func mixtures() throws {
    let kernel = try Self.session()
    for seed: UInt64 in 1...20 { Self.report(try KSMVerification.compare(.mixture(seed: seed), on: kernel)) }
    try kernel.close()
  }

  @Test("Every built-in case gives the same counters in the kernel and in the model")
  func builtInCases() throws {
    let kernel = try Self.session()
    for question in TrialCase.all {
      for trial in question.trials { Self.report(try KSMVerification.compare(trial, on: kernel)) }
    }
    try kernel.close()
  }

  @Test("The same mixture twice gives the same counters in the kernel: a trial says all that its outcome depends on")
  func repeatable() throws {
    let kernel = try Self.session()
    let trial = PreparedTrial.mixture(seed: 49)
    let palette = SyntheticPages(trial.contents)
    let runs = try (0..<2).map { _ in
      let subject = try KernelTrial(trial.trial, layout: trial.layout, palette: palette, kernel: kernel)
      defer { subject.close() }
      return try subject.run(trial.trial)
    }
    #expect(runs[0].map(\.counters) == runs[1].map(\.counters) && runs[0].map(\.spaces) == runs[1].map(\.spaces))
    try kernel.close()
  }

  @Test("The knobs are what they were after a trial")
  func restoredAfterSuccess() throws {
    let kernel = try Self.session()
    let before = Self.settings()
    let trial = PreparedTrial.mixture(seed: 5)
    _ = try KSMVerification.compare(trial, on: kernel)
    #expect(Self.settings() != before)
    try kernel.close()
    #expect(Self.settings() == before)
  }

  @Test("The knobs are what they were after an error in the middle of a trial, and no process of it is left")
  func restoredAfterError() throws {
    let before = Self.settings()
    let trial = try PreparedTrial(KSMTrial(name: "short", steps: [.create(pages: 8), .fill(space: 0, pages: 0..<8, content: 1), .scan]))
    do {
      let kernel = try Self.session()
      let subject = try KernelTrial(trial.trial, layout: trial.layout, palette: SyntheticPages(trial.contents), kernel: kernel)
      try subject.carryOut(.create(pages: 8))
      // A page that may not be accessed: the process ends by SIGSEGV, and the next thing that it is told to do fails.
      try subject.carryOut(.protect(space: 0, pages: 0..<8))
      try subject.carryOut(.fill(space: 0, pages: 0..<8, content: 1))
      #expect(throws: KernelKSMError.self) { try subject.carryOut(.observe) }
    }
    #expect(Self.settings() == before)
  }

  @Test("Who comes while another trial goes on is told so")
  func busy() throws {
    let kernel = try Self.session()
    #expect(throws: KernelKSMError.busy("another trial holds the lock /run/lock/memlab-ksm.lock")) { try KernelKSM() }
    try kernel.close()
  }

  @Test("A trial for which there is too little memory is refused before anything is done")
  func tooLittleMemory() throws {
    let kernel = try Self.session()
    let before = Self.settings()
    let trial = try KSMTrial(name: "large", steps: [.create(pages: 1 << 30), .scan]).layout()
    #expect {
      try KernelTrial(KSMTrial(name: "large"), layout: trial, palette: SyntheticPages([]), kernel: kernel)
    } throws: { error in
      if case .tooLittleMemory? = error as? KernelKSMError { true } else { false }
    }
    #expect(Self.settings() == before)
    try kernel.close()
  }
}
