internal import ArgumentParser
internal import LiveKernel
internal import PageSharing
internal import RAMImages
internal import Reporting

/// `memlab verify`.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Compare a model with this machine's kernel.", subcommands: [VerifyKSMCommand.self])
}

/// `memlab verify ksm`.
struct VerifyKSMCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ksm", abstract: "Run the same pages through this machine's KSM and through memlab's, and compare every counter.",
    discussion: """
      The same contents, in the same order, with the same writes between scans, go through this kernel's KSM (in processes of their own, anonymous \
      memory under MADV_MERGEABLE) and through memlab's model of it. After each full scan every counter of /sys/kernel/mm/ksm and of each process's \
      ksm_stat is compared. Without arguments: all built-in cases and 20 random mixtures. With inputs: each is a space that holds its pages.

      It needs root, a kernel with KSM, and KSM at rest (run 0, nothing merged, nobody registered). The knobs are put back however \
      memlab ends. KSM is one per machine: two of these commands wait for each other with --wait.

      Exit codes: 0 every counter is equal; 1 one differs; 66 this kernel cannot be asked (no KSM, in use, not root, too little memory).
      """)

  @Argument(
    help: ArgumentHelp("Memories as for `memlab scan`: each one a space whose pages are filled once.", valueName: "input"),
    completion: .file())
  var inputs: [String] = []

  @Option(name: .customLong("case"), help: ArgumentHelp("A built-in case by name; repeatable. See --list.", valueName: "name"))
  var cases: [String] = []
  @Flag(help: "Every built-in case.") var all = false
  @Flag(help: "List the built-in cases and end.") var list = false
  @Option(parsing: .unconditional, help: ArgumentHelp("Try so many random mixtures.", valueName: "n")) var mixtures: UInt64?
  @Option(parsing: .unconditional, help: ArgumentHelp("The first mixture's seed; the others follow it.", valueName: "n")) var seed: UInt64 =
    1
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Full scans of inputs and of mixtures; default: 5 of inputs, and what each mixture's seed says.", valueName: "n"))
  var scans: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Of inputs: how many pages may map one shared page, at least 2.", valueName: "n"))
  var maxPageSharing: UInt32 = KSMSettings().maxPageSharing
  @Flag(help: "Of inputs: map pages of zeros to the kernel's zero page.") var useZeroPages = false
  @Flag(help: "Of inputs: skip, for some scans, pages that could not be merged. Off by default here.") var smartScan = false
  @Flag(help: "Show every counter after every full scan, also where all are equal.") var watch = false
  @Option(parsing: .unconditional, help: ArgumentHelp("Wait so many seconds for another trial to end.", valueName: "seconds")) var wait = 0
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for name in cases where TrialCase.named(name) == nil {
      throw ValidationError(
        "there is no case \"\(name)\"; memlab verify ksm --list shows them" + NameHint.text(for: name, among: TrialCase.all.map(\.name)))
    }
    guard scans.map({ (1...10_000).contains($0) }) ?? true else { throw ValidationError("--scans is 1 to 10000") }
    guard maxPageSharing >= 2 else { throw ValidationError("--max-page-sharing is at least 2") }
    // Nothing asked and nothing differing would look like an answer.
    guard mixtures != 0 else { throw ValidationError("--mixtures is at least 1") }
    guard (0...86_400).contains(wait) else { throw ValidationError("--wait is 0 to 86400 seconds") }
    guard !inputs.contains("") else { throw ValidationError("the name of an input is empty") }
    let (_, overflow) = seed.addingReportingOverflow(mixtures ?? 0)
    guard !overflow else { throw ValidationError("--seed is too large for so many mixtures") }
    let isForInputs = useZeroPages || smartScan || maxPageSharing != KSMSettings().maxPageSharing
    guard !isForInputs || !inputs.isEmpty else {
      throw ValidationError("--max-page-sharing, --use-zero-pages and --smart-scan are for inputs; cases and mixtures have their own")
    }
  }

  func run() throws {
    guard !list else {
      let cases = TrialCase.all
      return try output.print(
        text: VerificationSummary.list(cases), json: VerificationSummary.listJSON(cases),
        csv: [["case", "description"]] + cases.map { [$0.name, $0.line] })
    }
    let memories = inputs.isEmpty ? nil : try pages()
    var summary = VerificationSummary(kernel: KernelKSM.release, model: KSMScanner.modelledKernel, showsEverything: watch)
    do {
      let kernel = try KernelKSM(patience: Double(wait))
      if let memories { try add(try answer(memories, on: kernel), to: &summary) }
      for question in chosenCases {
        let results = try question.trials.map { try KSMVerification.compare($0, on: kernel) }
        try add(VerificationSummary.Answer(question.name, question.line, results), to: &summary)
      }
      for offset in 0..<chosenMixtures {
        let mixture = PreparedTrial.mixture(seed: seed + offset, rounds: scans)
        let line = "a random mixture of writes, forks, unmerging and whatever else a trial knows"
        try add(VerificationSummary.Answer(mixture.trial.name, line, [try KSMVerification.compare(mixture, on: kernel)]), to: &summary)
      }
      try kernel.close()
    } catch let error as KernelKSMError { throw Diagnostics.fail(.missingInput, "error: \(error)") }
    switch output.format {
    case .text: try StandardOutput.write(summary.verdict)
    case .json: try StandardOutput.write(summary.json.text())
    case .csv: try StandardOutput.write(summary.csv)
    }
    guard summary.isEqual else { throw ExitStatus.failed.code }
  }

  private var isDefault: Bool { inputs.isEmpty && cases.isEmpty && !all && mixtures == nil }
  private var chosenCases: [TrialCase] { isDefault || all ? TrialCase.all : cases.compactMap { TrialCase.named($0) } }
  private var chosenMixtures: UInt64 { isDefault ? 20 : mixtures ?? 0 }

  /// Takes an answer into the summary; as text it is printed at once.
  private func add(_ answer: VerificationSummary.Answer, to summary: inout VerificationSummary) throws {
    summary.add(answer)
    if output.format == .text { try StandardOutput.write(summary.text(of: answer)) }
  }

  private func pages() throws -> MemoryPages {
    let opened = try MemoryInputs.open(inputs)
    do throws(ImageError) { return try MemoryPages(opened) } catch { throw Diagnostics.fail(error) }
  }

  private func answer(_ memories: MemoryPages, on kernel: KernelKSM) throws -> VerificationSummary.Answer {
    var settings = KSMTrial.plain
    settings.maxPageSharing = maxPageSharing
    settings.useZeroPages = useZeroPages
    settings.smartScan = smartScan
    let trial = KSMTrial(filledOnce: memories.inputs.map(\.pages), settings: settings, scans: scans ?? 5)
    let layout: TrialLayout
    do throws(TrialError) { layout = try trial.layout() } catch {
      throw Diagnostics.fail(.badInput, "error: \(inputs.joined(separator: ", ")): \(error.problem)")
    }
    let result =
      switch memories.source {
      case .images(let source): try KSMVerification.compare(trial, layout, palette: source, on: kernel)
      case .identities(let source): try KSMVerification.compare(trial, layout, palette: source, on: kernel)
      }
    return VerificationSummary.Answer("inputs", memories.inputs.map(\.name).joined(separator: ", "), [result])
  }
}
