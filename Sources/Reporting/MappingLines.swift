internal import Addressing
internal import PageTables
public import RAMImages

/// Runs of mappings as lines of text, put together byte by byte: a large guest has millions of them.
public struct MappingLines {
  /// The form of the lines.
  public enum Form: String, CaseIterable, Sendable {
    /// JSON Lines.
    case json
    /// Comma-separated values behind a header.
    case csv
    /// A table for people.
    case text
    /// A line a page, as QEMU's monitor prints `info tlb`: the leaf's bits XD, G, PS, D, A, PCD, PWT, U/S, R/W.
    case infoTLB
    /// A line for each stretch of equal effective rights, as QEMU's monitor prints `info mem`.
    case infoMem
  }

  /// The form.
  public let form: Form
  /// Whether the leaves' PWT, PCD, PAT and protection key are told too.
  public let tellsAll: Bool
  /// What was appended and not yet handed over.
  private var bytes: [UInt8] = []
  /// The stretch that `infoMem` is putting together.
  private var stretch: (start: UInt64, end: UInt64, isUser: Bool, isWritable: Bool)?

  /// Lines of a form; CSV and text begin with a header.
  public init(_ form: Form, tellsAll: Bool = false) {
    self.form = form
    self.tellsAll = tellsAll
    switch form {
    case .csv: text(Self.keys(tellsAll).joined(separator: ",") + "\n")
    case .text:
      let more = tellsAll ? "  cache  key" : ""
      text("virtual address     guest-physical            size  page  rights  leaf  use\(more)\n")
    case .json, .infoTLB, .infoMem: break
    }
  }

  /// What of a run is true or false, in the order of the fields.
  private static let flags: [(name: String, isSet: @Sendable (MappingRun) -> Bool)] = [
    ("writable", \.rights.isWritable), ("user", \.rights.isUser), ("executable", \.rights.isExecutable),
    ("leaf_writable", \.leaf.isWritable), ("leaf_user", \.leaf.isUser), ("leaf_nx", \.leaf.isNoExecute), ("global", \.leaf.isGlobal),
    ("accessed", \.leaf.isAccessed), ("dirty", \.leaf.isDirty),
  ]
  /// What else is told if all is.
  private static let moreFlags: [(name: String, isSet: @Sendable (MappingRun) -> Bool)] = [
    ("write_through", \.isWriteThrough), ("cache_disabled", \.isCacheDisabled), ("pat", \.hasPAT),
  ]

  /// The names of the fields, in order.
  public static func keys(_ tellsAll: Bool) -> [String] {
    ["gva", "gpa", "size", "page_size"] + flags.map(\.name) + (tellsAll ? moreFlags.map(\.name) + ["protection_key"] : [])
  }

  /// Bytes that are gathered before they are handed over.
  private static let batch = 1 << 16

  /// Appends a run, and hands whole lines over when there are enough of them.
  public mutating func append(_ run: MappingRun, to write: ([UInt8]) throws -> Void) throws {
    switch form {
    case .json, .csv: appendFields(run)
    case .text: appendText(run)
    case .infoTLB:
      for page in 0..<run.pages {
        appendEntry(run, page)
        if bytes.count >= Self.batch { try handOver(to: write) }
      }
    case .infoMem: extend(run)
    }
    if bytes.count >= Self.batch { try handOver(to: write) }
  }

  /// Hands over everything that is left, a stretch that was being put together too.
  public mutating func end(to write: ([UInt8]) throws -> Void) throws {
    endStretch()
    try handOver(to: write)
  }

  private mutating func handOver(to write: ([UInt8]) throws -> Void) throws {
    try write(bytes)
    bytes.removeAll(keepingCapacity: true)
  }

  private mutating func endStretch() {
    guard let last = stretch else { return }
    stretch = nil
    fixed(last.start)
    text("-")
    fixed(last.end)
    text(" ")
    fixed(last.end &- last.start)
    text(last.isUser ? " ur" : " -r")
    text(last.isWritable ? "w\n" : "-\n")
  }

  // MARK: Forms

  /// The members of a JSON object, or the fields of a CSV record.
  private mutating func appendFields(_ run: MappingRun) {
    let isJSON = form == .json
    text(isJSON ? "{\"gva\": \"0x" : "0x")
    hex(run.address.rawValue)
    text(isJSON ? "\", \"gpa\": \"0x" : ",0x")
    hex(run.target.rawValue)
    text(isJSON ? "\", \"size\": " : ",")
    decimal(run.size)
    text(isJSON ? ", \"page_size\": \"" : ",")
    text(run.pageSize.description)
    if isJSON { text("\"") }
    appendFlags(Self.flags, of: run)
    if tellsAll {
      appendFlags(Self.moreFlags, of: run)
      text(isJSON ? ", \"protection_key\": " : ",")
      decimal(run.protectionKey)
    }
    text(isJSON ? "}\n" : "\n")
  }

  private mutating func appendFlags(_ flags: [(name: String, isSet: @Sendable (MappingRun) -> Bool)], of run: MappingRun) {
    for (name, isSet) in flags {
      if form == .json {
        text(", \"")
        text(name)
        text("\": ")
      } else {
        text(",")
      }
      text(isSet(run) ? "true" : "false")
    }
  }

  private mutating func appendText(_ run: MappingRun) {
    text("0x")
    fixed(run.address.rawValue)
    text("  0x")
    fixed(run.target.rawValue)
    let size = Self.amount(run.size)
    text(String(repeating: " ", count: max(2, 12 - size.utf8.count)) + size + "  ")
    text(run.pageSize.description)
    text("    ")
    letter("r", true)
    letter("w", run.rights.isWritable)
    letter("x", run.rights.isExecutable)
    letter("u", run.rights.isUser)
    text("    ")
    letter("w", run.leaf.isWritable)
    letter("x", !run.leaf.isNoExecute)
    letter("u", run.leaf.isUser)
    text("   ")
    letter("g", run.leaf.isGlobal)
    letter("a", run.leaf.isAccessed)
    letter("d", run.leaf.isDirty)
    if tellsAll {
      text("  ")
      letter("c", run.isCacheDisabled)
      letter("t", run.isWriteThrough)
      letter("p", run.hasPAT)
      text("    ")
      decimal(run.protectionKey)
    }
    text("\n")
  }

  /// A number of bytes in the largest unit that divides it.
  private static func amount(_ bytes: UInt64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB")] as [(UInt64, String)] where bytes & (1 << shift &- 1) == 0 {
      return "\(bytes >> shift) \(unit)"
    }
    return "\(bytes >> 10) KiB"
  }

  private mutating func appendEntry(_ run: MappingRun, _ page: UInt64) {
    let offset = page << run.pageSize.shift
    fixed(run.address.rawValue &+ offset)
    text(": ")
    fixed(run.target.rawValue &+ offset)
    text(" ")
    letter("X", run.leaf.isNoExecute)
    letter("G", run.leaf.isGlobal)
    letter("P", run.pageSize != .size4K)
    letter("D", run.leaf.isDirty)
    letter("A", run.leaf.isAccessed)
    letter("C", run.isCacheDisabled)
    letter("T", run.isWriteThrough)
    letter("U", run.leaf.isUser)
    letter("W", run.leaf.isWritable)
    text("\n")
  }

  private mutating func extend(_ run: MappingRun) {
    if let last = stretch, last.end == run.address.rawValue, last.isUser == run.rights.isUser, last.isWritable == run.rights.isWritable {
      stretch?.end = last.end &+ run.size
      return
    }
    endStretch()
    stretch = (run.address.rawValue, run.address.rawValue &+ run.size, run.rights.isUser, run.rights.isWritable)
  }

  // MARK: Bytes

  private mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func letter(_ letter: Unicode.Scalar, _ isSet: Bool) {
    bytes.append(isSet ? UInt8(ascii: letter) : UInt8(ascii: "-"))
  }

  private static let digits: [UInt8] = Array("0123456789abcdef".utf8)

  private mutating func hex(_ value: UInt64) {
    let count = max(1, (67 - value.leadingZeroBitCount) / 4)
    for place in stride(from: count - 1, through: 0, by: -1) { bytes.append(Self.digits[Int(value >> UInt64(place * 4) & 15)]) }
  }

  /// Sixteen hexadecimal digits.
  private mutating func fixed(_ value: UInt64) {
    for shift in stride(from: 60 as UInt64, through: 0, by: -4) { bytes.append(Self.digits[Int(value >> shift & 15)]) }
  }

  private mutating func decimal(_ value: UInt64) { bytes.append(contentsOf: String(value).utf8) }
}
