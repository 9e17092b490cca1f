internal import Addressing
internal import Translation

/// Looks for the shortest program that still fails: delta debugging over the steps (Zeller and Hildebrandt, 2002), then over what is in
/// them and in the setup, until nothing can go any more.
///
/// Any failure counts, not the first one's alone: a shorter program that fails otherwise is as good a find.
public struct FuzzShrinker {
  /// The shortest program so far.
  public private(set) var program: FuzzProgram
  /// How it fails.
  public private(set) var failure: FuzzFailure
  /// How many candidates were tried.
  public private(set) var trials = 0
  private let wrap: FuzzWrap

  /// A shrinker of a program that failed; nil where it does not when it is replayed with an audit after each step or, failing that, rarely.
  public init?(_ program: FuzzProgram, wrap: @escaping FuzzWrap = { $0 }) {
    self.program = program
    self.wrap = wrap
    let audits = [1, 256]
    guard let failure = audits.lazy.compactMap({ try? FuzzRun.replay(program, auditEvery: $0, wrap: wrap) }).first else { return nil }
    self.failure = failure
  }

  /// Shrinks until nothing helps, or a number of candidates was tried.
  public mutating func shrink(limit: Int = 20_000) {
    cut()
    _ = keepOneWay()
    var size = -1
    while size != measure && trials < limit {
      size = measure
      dropChunks()
      simplifySetup()
      simplifySteps()
    }
  }

  private var measure: Int { program.description.utf8.count }

  /// Nothing after the failure is needed.
  private mutating func cut() {
    if failure.step + 1 < program.steps.count { program.steps.removeLast(program.steps.count - failure.step - 1) }
  }

  /// Whether a candidate fails; if so it is the program from now on.
  private mutating func accept(_ candidate: FuzzProgram) -> Bool {
    trials += 1
    let every = candidate.steps.count > 200 ? 32 : 1
    guard let found = try? FuzzRun.replay(candidate, auditEvery: every, wrap: wrap) else { return false }
    program = candidate
    failure = found
    cut()
    return true
  }

  private mutating func keepOneWay() -> Bool {
    guard program.setup.ways.count > 1 else { return false }
    for ways in [[failure.way]] + program.setup.ways.map({ [$0.rawValue] }) {
      var candidate = program
      candidate.setup.ways = ways.compactMap { FuzzWay(rawValue: $0) }
      if accept(candidate) { return true }
    }
    return false
  }

  private mutating func dropChunks() {
    var size = max(program.steps.count / 2, 1)
    while true {
      var end = program.steps.count
      while end > 0 {
        let start = max(end - size, 0)
        var candidate = program
        candidate.steps.removeSubrange(start..<end)
        end = accept(candidate) ? min(start, program.steps.count) : start
      }
      if size == 1 { return }
      size /= 2
    }
  }

  private mutating func simplifySetup() {
    let plain = FuzzSetup()
    for number in FuzzSetup.numbers where program.setup[keyPath: number.path] != plain[keyPath: number.path] {
      var candidate = program
      candidate.setup[keyPath: number.path] = plain[keyPath: number.path]
      _ = accept(candidate)
    }
    for flag in FuzzSetup.flags where program.setup[keyPath: flag.path] != plain[keyPath: flag.path] {
      var candidate = program
      candidate.setup[keyPath: flag.path] = plain[keyPath: flag.path]
      _ = accept(candidate)
    }
    if program.setup.tlb != plain.tlb {
      var candidate = program
      candidate.setup.tlb = plain.tlb
      _ = accept(candidate)
    }
  }

  private mutating func simplifySteps() {
    var index = 0
    while index < program.steps.count {
      for simpler in Self.simpler(program.steps[index]) {
        var candidate = program
        candidate.steps[index] = simpler
        if accept(candidate) { break }
      }
      index += 1
    }
  }

  /// The same step with less in it.
  private static func simpler(_ step: FuzzStep) -> [FuzzStep] {
    let aligned = { (address: GuestVirtualAddress) in GuestVirtualAddress(address.rawValue & ~0xfff) }
    switch step {
    case .access(let kind, let privilege, let address):
      return aligned(address) == address ? [] : [.access(kind, privilege, aligned(address))]
    case .write(let privilege, let address, let value, let how):
      return [.access(.read, privilege, address)] + (how == .everything ? [] : [.write(privilege, address, value, .everything)])
        + (aligned(address) == address ? [] : [.write(privilege, aligned(address), value, how)])
        + (value == 0 ? [] : [.write(privilege, address, 0, how)])
    case .batch(let records):
      return records.map { .access($0.kind, $0.privilege, $0.address) }
        + (records.count < 2 ? [] : records.indices.map { index in .batch(records.indices.filter { $0 != index }.map { records[$0] }) })
    case .store(let address, let value, let how):
      let bits = (0..<64 as Range<UInt64>).filter { (($0 > 7 && $0 < 12) || $0 > 47 || ($0 > 1 && $0 < 7)) && value >> $0 & 1 == 1 }
      return (how == .everything ? [] : [.store(address, value, .everything)]) + bits.map { .store(address, value & ~(1 << $0), how) }
    case .load(let root, let pcid, let keep):
      return keep ? [.load(root: root, pcid: pcid, keep: false)] : pcid == 0 ? [] : [.load(root: root, pcid: 0, keep: false)]
    default: return []
    }
  }
}
