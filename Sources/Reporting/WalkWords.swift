internal import Addressing
internal import PageTables
internal import Translation

/// A walk's entries, places and end in words, as text, drawing and JSON share them.
enum WalkWords {
  /// Bits of an entry and their names, in the order in which they are told.
  private static let x86: [(bit: UInt64, name: String)] = [
    (X86Entry.present, "P"), (X86Entry.writable, "W"), (X86Entry.user, "U"), (1 << 3, "PWT"), (1 << 4, "PCD"), (X86Entry.accessed, "A"),
  ]

  /// The names of the bits that are set in the entry of a step. A bit that means nothing in such an entry is not named.
  static func flags(_ step: WalkStep, of walk: WalkTranscript) -> [String] {
    step.dimension == .host && walk.hostFormat == .ept ? hostFlags(step, walk.modeBasedExecute) : guestFlags(step)
  }

  private static func isLeaf(_ step: WalkStep) -> Bool {
    step.level == 1 || (step.word & X86Entry.pageSize != 0 && step.level <= 3)
  }

  private static func guestFlags(_ step: WalkStep) -> [String] {
    let entry = X86Entry(rawValue: step.word)
    guard entry.isPresent else { return [] }
    var names = x86.filter { step.word & $0.bit != 0 }.map(\.name)
    if isLeaf(step) {
      let pat: UInt64 = step.level == 1 ? 1 << 7 : 1 << 12
      if entry.isDirty { names.append("D") }
      if step.level > 1 { names.append("PS") }
      if entry.isGlobal { names.append("G") }
      if step.word & pat != 0 { names.append("PAT") }
      let key = (step.word & X86Entry.keyMask) >> 59
      if key != 0 { names.append("PK=\(key)") }
    } else if step.level >= 4 && entry.isLarge {
      names.append("PS")
    }
    if entry.isNoExecute { names.append("XD") }
    return names
  }

  private static func hostFlags(_ step: WalkStep, _ modeBasedExecute: Bool) -> [String] {
    let entry = EPTEntry(rawValue: step.word)
    let isUserExecutable = modeBasedExecute && step.word & EPTEntry.userExecute != 0
    guard entry.isPresent || isUserExecutable else { return [] }
    var names = [
      (entry.isReadable, "R"), (entry.isWritable, "W"), (entry.isExecutable, modeBasedExecute ? "XS" : "X"), (isUserExecutable, "XU"),
    ].filter(\.0).map(\.1)
    if isLeaf(step) {
      let types: [UInt64: String] = [0: "UC", 1: "WC", 4: "WT", 5: "WP", 6: "WB"]
      names.append(types[entry.memoryType] ?? "type \(entry.memoryType)")
      if step.level > 1 { names.append("PS") }
    }
    if entry.isAccessed { names.append("A") }
    if isLeaf(step) && entry.isDirty { names.append("D") }
    return names
  }

  /// "guest L4", "host L1", and "level 4" in a walk of one dimension.
  static func table(_ step: WalkStep, of walk: WalkTranscript) -> String {
    walk.hostRoot == nil ? "level \(step.level)" : "\(step.dimension.rawValue) L\(step.level)"
  }

  /// Where an entry leads, for a step of a walk.
  static func lead(_ step: WalkStep, of walk: WalkTranscript) -> String {
    let space = space(step.dimension, of: walk)
    switch step.meaning {
    case .table(let address): return "table at \(space) \(hex(address))"
    case .page(let address, let size): return "\(size) page, \(space) \(hex(address))"
    case .notPresent: return "not present: stop"
    case .malformed: return isMisconfigured(step, of: walk) ? "misconfigured: stop" : "reserved bit set: stop"
    case .refused: return "access refused: stop"
    }
  }

  /// Whether a malformed entry is a misconfiguration of EPT's, not a reserved bit.
  static func isMisconfigured(_ step: WalkStep, of walk: WalkTranscript) -> Bool {
    step.dimension == .host && walk.hostFormat == .ept
  }

  /// The abbreviation of the physical addresses that a dimension's entries hold.
  static func space(_ dimension: WalkStep.Dimension, of walk: WalkTranscript) -> String {
    walk.hostRoot == nil ? "PA" : dimension == .guest ? "GPA" : "HPA"
  }

  /// "24 memory references = (4 + 1)(4 + 1) − 1" for a walk that came to its end, and what is known of one that did not.
  static func count(_ walk: WalkTranscript) -> String {
    let references = walk.steps.count
    let counted = "\(references) memory \(references == 1 ? "reference" : "references")"
    guard case .mapped = walk.outcome, walk.hostRoot != nil else { return counted }
    let (guest, host) = (walk.guestDepth, walk.hostDepth)
    if walk.switches, references == walk.shadowDepth + guest + guest * host {
      return counted + " = \(walk.shadowDepth + guest) + \(guest) \u{00d7} \(host)"
    }
    guard WalkTranscript.references(guest: guest, host: host) == references else { return counted }
    return counted + " = (\(guest) + 1)(\(host) + 1) \u{2212} 1"
  }

  /// How many words were read more than once, which is what caches of upper entries save; nil where none was.
  static func repetition(_ walk: WalkTranscript) -> String? {
    let (references, words) = (walk.steps.count, walk.distinctWords)
    return words == references ? nil : "\(words) different words: \(references - words) references read one again"
  }

  /// What the walk is for: "read in user mode".
  static func access(_ walk: WalkTranscript) -> String {
    let kind =
      switch walk.access {
      case .read: "read"
      case .write: "write"
      case .fetch: "instruction fetch"
      }
    return walk.privilege == .user ? "\(kind) in user mode" : "\(kind) in supervisor mode"
  }

  /// How the walk ended, in a sentence.
  static func ending(_ walk: WalkTranscript) -> String {
    switch walk.outcome {
    case .mapped(let target):
      let allowed = rights(target.rights)
      guard let host = target.hostAddress, let hostPage = target.hostPage else {
        return "\(space(.guest, of: walk)) \(hex(target.guestAddress.rawValue)), in a page of \(target.guestPage); \(allowed)"
      }
      return "GPA \(hex(target.guestAddress.rawValue)) in a page of \(target.guestPage), "
        + "HPA \(hex(host.rawValue)) in a page of \(hostPage); \(allowed)"
    case .pageFault(let code):
      return "page fault in the guest, error code \(hex(UInt64(code.rawValue))): \(parts(of: code).joined(separator: ", "))"
    case .violation(let code, let address) where walk.hostFormat == .npt:
      return "nested page fault at GPA \(hex(address.rawValue)), error code \(hex(code)): "
        + parts(ofNestedFault: code).joined(separator: ", ")
    case .violation(let qualification, let address):
      return "EPT violation at GPA \(hex(address.rawValue)), exit qualification \(hex(qualification)): "
        + parts(ofQualification: qualification, walk.modeBasedExecute).joined(separator: ", ")
    case .misconfiguration(let address): return "EPT misconfiguration at GPA \(hex(address.rawValue))"
    case .noMemory(let address): return "unknown: there is no memory at \(hex(address)), where the next entry should be"
    case .notCanonical:
      return "general-protection fault: with \(walk.guestLevels) levels, bits 63:\(walk.guestLevels * 9 + 11) of an address are equal"
    }
  }

  private static func rights(_ rights: X86Rights) -> String {
    [
      rights.isWritable ? "writable" : "read-only", rights.isUser ? "user" : "supervisor only",
      rights.isExecutable ? "executable" : "not executable",
    ].joined(separator: ", ")
  }

  /// What the bits of a page fault's error code say (Intel SDM figure 4-12).
  static func parts(of code: PageFaultErrorCode) -> [String] {
    var parts = [code.contains(.present) ? "the page's protection refuses it" : "not present"]
    if code.contains(.reserved) { parts = ["a reserved bit is set"] }
    if code.contains(.protectionKey) { parts = ["the protection key refuses it"] }
    parts.append(code.contains(.fetch) ? "fetch" : code.contains(.write) ? "write" : "read")
    parts.append(code.contains(.user) ? "user mode" : "supervisor mode")
    return parts
  }

  /// What the bits of an EPT violation's exit qualification say (Intel SDM table 28-7).
  static func parts(ofQualification bits: UInt64, _ modeBasedExecute: Bool = false) -> [String] {
    var parts: [String] = []
    let tried = [(0, "read"), (1, "write"), (2, "fetch")].filter { bits >> UInt64($0.0) & 1 != 0 }.map(\.1)
    if !tried.isEmpty { parts.append(tried.joined(separator: " and ")) }
    let fetches = modeBasedExecute ? [(5, "fetches from kernel pages"), (6, "fetches from user pages")] : [(5, "fetches")]
    let allowed = ([(3, "reads"), (4, "writes")] + fetches).filter { bits >> UInt64($0.0) & 1 != 0 }.map(\.1)
    parts.append(allowed.isEmpty ? "not present" : "only \(allowed.joined(separator: " and ")) allowed")
    parts.append(bits >> 8 & 1 != 0 ? "for the page itself" : "for a guest table")
    return parts
  }

  /// What the error code of AMD's nested page fault says (APM volume 2, 15.25.6): that of a page fault, always by user mode, and bits 33:32.
  static func parts(ofNestedFault bits: UInt64) -> [String] {
    let tried = bits >> 4 & 1 != 0 ? "fetch" : bits >> 1 & 1 != 0 ? "write" : "read"
    let why = bits >> 3 & 1 != 0 ? "a reserved bit is set" : bits & 1 != 0 ? "the page's protection refuses it" : "not present"
    return [tried, why, bits >> 33 & 1 != 0 ? "for a guest table, whose accesses all count as writes" : "for the page itself"]
  }

  /// A text in lines of at most a number of characters.
  static func wrapped(_ text: String, to length: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + word.count < length {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }

  /// An address as results print it.
  static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  /// A word with all its digits.
  static func word(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}
