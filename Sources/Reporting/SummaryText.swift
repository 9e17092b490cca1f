internal import Addressing
public import Laboratory
internal import PageSharing
internal import Scenarios

extension RunReport {
  /// What a run found, as plain text for a terminal: at most 100 columns wide.
  public static func summaryText(_ result: RunResult) -> String {
    let (host, sharing, highlights) = (result.host, result.sharing, RunHighlights(result))
    var lines = [
      "\(Wording.line(result.scenario.name, limit: 30))   seed \(result.scenario.seed), \(Wording.seconds(result.virtualNanoseconds)) s of virtual time",
      "",
      field(
        "Host",
        "\(size(host.totalBytes)): \(size(host.privateBytes)) private, \(size(host.sharedBytes)) shared, \(size(host.freeBytes)) free (least \(size(host.freeMinBytes)))"
      ),
      field("", "\(size(host.balloonedBytes)) in balloons, \(size(host.swappedBytes)) swapped out"),
    ]
    let sharingLines = [
      field("Sharing", "\(size(highlights.savedBytes)) saved, \(highlights.savedPercent) of what the guests would use without it"),
      field("", "pages saved: \(sharing.savedInter) inter-VM, \(sharing.savedSelf) self, \(sharing.savedZero) zero"),
      field("", "\(sharing.merges) merges, \(sharing.cowBreaks) copy-on-write breaks, \(sharing.ksm.fullScans) full scans"),
    ]
    if result.scenario.showsSharing { lines += sharingLines }
    let balloons =
      field(
        "Balloons",
        "\(size(highlights.peakHeldBytes)) held at the peak; \(size(highlights.freedBytes)) of host frames freed since the start")
    if !result.scenario.runsStreams || result.scenario.vms.contains(where: \.balloon) { lines.append(balloons) }
    lines.append(field("Audit", audit(result.audit)))
    if let stale = result.stale { lines.append(field("Stale", stale.text)) }
    if let captures = result.captures { lines.append(field("Captures", captures.text)) }
    if result.state == .partial {
      lines.append(field("State", "interrupted: the scenario asks for \(Wording.seconds(result.scenario.durationNanoseconds)) s"))
    }
    if result.scenario.showsSharing { lines += [""] + machines(result.vms) }
    if result.scenario.runsStreams { lines += [""] + translation(result.vms) }
    for vm in result.vms where vm.state == .stopped {
      lines.append("stopped: \(Wording.line(vm.name, limit: 40)), when the host had no memory left")
    }
    for vm in result.vms {
      if let problem = vm.problem { lines.append("idle: \(Wording.line(vm.name, limit: 40)): \(Wording.line(problem, limit: 160))") }
    }
    for message in result.audit.messages { lines.append("violation: \(Wording.line(message, limit: 88))") }
    for finding in result.stale?.findings ?? [] { lines.append("stale: \(Wording.line(finding, limit: 92))") }
    for expectation in result.failedExpectations { lines.append("does not hold: \(Wording.line(expectation, limit: 84))") }
    return lines.map { $0.replacing("\u{a0}", with: " ") }.joined(separator: "\n") + "\n"
  }

  private static func field(_ name: String, _ text: String) -> String { name.padded(to: 10) + text }

  private static func size(_ bytes: UInt64) -> String { ByteSize(bytes: bytes).rounded }

  private static func audit(_ audit: AuditSummary) -> String {
    audit.samples == 0 ? "not run" : "\(audit.violations) violations in \(audit.samples) checks of all laws"
  }

  /// The table of machines: names to the left, numbers to the right.
  private static func machines(_ vms: [VMSummary]) -> [String] {
    guard !vms.isEmpty else { return [] }
    let header = ["machine", "paging", "private", "shared", "target", "actual", "freed", "TLB %", "refs/walk", "exits", "slowdown"]
    let rows =
      vms.map { vm in
        [
          Wording.line(vm.name, limit: 13), Wording.line(vm.paging, limit: 7), mebibytes(vm.privateBytes), mebibytes(vm.sharedBytes),
          mebibytes(vm.balloonTargetBytes), mebibytes(vm.balloonActualBytes), mebibytes(vm.balloonFreedBytes),
          Wording.fixed(vm.tlbMissRate * 100, decimals: 2), Wording.fixed(vm.referencesPerWalk, decimals: 2), short(vm.allExits),
          Wording.fixed(vm.slowdown, decimals: 2) + "x",
        ]
      }
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    return ([header] + rows).map { row in
      zip(row, widths).enumerated().map { column, cell in
        column < 2 ? cell.0.padded(to: cell.1) : String(repeating: " ", count: cell.1 - cell.0.count) + cell.0
      }.joined(separator: "  ")
    } + ["", "private to freed in MiB; freed: host frames that the balloon freed since the start"]
  }

  /// What the accesses of each machine took.
  private static func translation(_ vms: [VMSummary]) -> [String] {
    TranslationTotals.text("machine", vms.map { ("\(Wording.line($0.name, limit: 13)), \($0.paging)", TranslationTotals([$0])) })
  }

  /// A count of at most seven characters: exact below ten millions, else in millions, then in 10^9.
  private static func short(_ count: UInt64) -> String {
    switch count {
    case ..<10_000_000: String(count)
    case ..<10_000_000_000: "\(count / 1_000_000)M"
    default: "\(count / 1_000_000_000)G"
    }
  }

  private static func mebibytes(_ bytes: UInt64) -> String { String(Int64(clamping: bytes) / (1 << 20)) }
}

extension String {
  /// The text with spaces after it, to a width.
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
