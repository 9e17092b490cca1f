internal import Addressing
internal import PageTables
public import Translation

/// Walks as JSON and CSV.
public enum WalkSummary {
  /// A walk as a JSON object: the address, the steps, and either where it leads or why it stopped.
  public static func json(_ walk: WalkTranscript) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("gva", address(walk.address.rawValue)), .init("access", .string(access(walk))),
      .init("mode", .string(walk.privilege == .user ? "user" : "supervisor")), .init("references", .count(UInt64(walk.steps.count))),
      .init("steps", .array(walk.steps.map { step($0, of: walk) })),
    ]
    var (gpa, hpa, page, hostPage, rights): (JSONValue, JSONValue, JSONValue, JSONValue, X86Rights?) = (.null, .null, .null, .null, nil)
    if case .mapped(let target) = walk.outcome {
      gpa = address(target.guestAddress.rawValue)
      hpa = target.hostAddress.map { address($0.rawValue) } ?? .null
      page = .string(target.guestPage.description)
      hostPage = target.hostPage.map { .string($0.description) } ?? .null
      rights = target.rights
    }
    members += [.init("gpa", gpa), .init("page_size", page)]
    if walk.hostRoot != nil { members += [.init("hpa", hpa), .init("host_page_size", hostPage)] }
    members += [
      .init("writable", rights.map { .bool($0.isWritable) } ?? .null), .init("user", rights.map { .bool($0.isUser) } ?? .null),
      .init("executable", rights.map { .bool($0.isExecutable) } ?? .null), .init("fault", fault(walk)),
    ]
    return .object(members)
  }

  private static func access(_ walk: WalkTranscript) -> String {
    switch walk.access {
    case .read: "read"
    case .write: "write"
    case .fetch: "fetch"
    }
  }

  private static func address(_ value: UInt64) -> JSONValue { .string(WalkWords.hex(value)) }

  private static func step(_ step: WalkStep, of walk: WalkTranscript) -> JSONValue {
    let (leads, next, size): (String, JSONValue, JSONValue) =
      switch step.meaning {
      case .table(let place): ("table", address(place), .null)
      case .page(let place, let size): ("page", address(place), .string(size.description))
      case .notPresent: ("not_present", .null, .null)
      case .malformed: (WalkWords.isMisconfigured(step, of: walk) ? "misconfigured" : "reserved_bit", .null, .null)
      case .refused: ("refused", .null, .null)
      }
    return [
      "reference": .count(UInt64(step.number)), "dimension": .string(step.dimension.rawValue), "level": .count(UInt64(step.level)),
      "guest_level": .count(UInt64(step.guestLevel)), "index": .count(UInt64(step.index)),
      "entry_address": address(step.guestAddress?.rawValue ?? step.hostAddress?.rawValue ?? 0),
      "host_address": step.hostAddress.map { address($0.rawValue) } ?? .null, "entry": address(step.word),
      "flags": .array(WalkWords.flags(step, of: walk).map { .string($0) }), "leads_to": .string(leads), "next": next, "page_size": size,
    ]
  }

  private static func fault(_ walk: WalkTranscript) -> JSONValue {
    switch walk.outcome {
    case .mapped: return .null
    case .pageFault(let code):
      return [
        "kind": "page_fault", "error_code": address(UInt64(code.rawValue)), "level": level(walk),
        "description": .string(WalkWords.ending(walk)),
      ]
    case .violation(let code, let gpa) where walk.hostFormat == .npt:
      return [
        "kind": "nested_page_fault", "error_code": address(code), "gpa": address(gpa.rawValue), "level": level(walk),
        "description": .string(WalkWords.ending(walk)),
      ]
    case .violation(let qualification, let gpa):
      return [
        "kind": "ept_violation", "exit_qualification": address(qualification), "gpa": address(gpa.rawValue), "level": level(walk),
        "description": .string(WalkWords.ending(walk)),
      ]
    case .misconfiguration(let gpa):
      return [
        "kind": "ept_misconfiguration", "gpa": address(gpa.rawValue), "level": level(walk), "description": .string(WalkWords.ending(walk)),
      ]
    case .noMemory(let place):
      return ["kind": "no_memory", "address": address(place), "description": .string(WalkWords.ending(walk))]
    case .notCanonical: return ["kind": "general_protection", "description": .string(WalkWords.ending(walk))]
    }
  }

  /// The level of the entry at which the walk stopped.
  private static func level(_ walk: WalkTranscript) -> JSONValue { walk.steps.last.map { .count(UInt64($0.level)) } ?? .null }

  /// A row a step, behind a header.
  public static func csv(_ walks: [WalkTranscript]) -> [[String]] {
    let header = [
      "gva", "reference", "dimension", "level", "guest_level", "index", "entry_address", "host_address", "entry", "flags", "leads_to",
    ]
    return [header]
      + walks.flatMap { walk in
        walk.steps.map { step in
          [
            WalkWords.hex(walk.address.rawValue), String(step.number), step.dimension.rawValue, String(step.level),
            String(step.guestLevel), String(step.index), WalkWords.hex(step.guestAddress?.rawValue ?? step.hostAddress?.rawValue ?? 0),
            step.hostAddress.map { WalkWords.hex($0.rawValue) } ?? "", WalkWords.hex(step.word),
            WalkWords.flags(step, of: walk).joined(separator: " "), WalkWords.lead(step, of: walk),
          ]
        }
      }
  }
}
