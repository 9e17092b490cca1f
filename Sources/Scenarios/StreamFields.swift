internal import Addressing
internal import Guests
internal import Machine
internal import Traces
internal import Translation

/// The fields of guests that run access streams, and of ways of paging.
extension ScenarioFields {
  /// A guest whose programs do what an access stream says.
  static let stream = Alternative<GuestSpec>(
    "stream", of: .blank,
    [
      .value(
        "source", \.source, .path, default: .required,
        "The access stream: a recording, relative to the scenario's folder, or gen:NAME[:key=value,...], a generator."),
      .value(
        "format", \.format, .name("a trace format", among: ["auto"] + TraceFormat.allCases.map(\.rawValue)), default: .text("auto"),
        "The recording's format; auto tells it by the content."),
      .value("rate", \.accessesPerSecond, .rate(1...1_000_000_000), default: .text("1000000/s"), "Accesses in a second of virtual time."),
      .value(
        "accesses", \.accesses, .integer(0...1_000_000_000_000), default: .text("0"),
        "After how many accesses it has nothing more to do; 0 for the stream's end."),
      .value(
        "warm_up", \.warmUp, .integer(0...1_000_000_000_000), default: .text("0"),
        "How many accesses pass before counting begins: what they map and cache stays."),
      .value(
        "page", \.options.pageSize, .pageSize, default: .text("4K"), "The size of the pages that its kernel gives to programs."),
      .value("levels", \.options.levels, .integer(4...5), default: .text("4"), "Levels of its page tables."),
      .value(
        "pcid", \.options.usesPCIDs, .boolean, default: .text("false"),
        "Whether its kernel tags the translations of its processes, so that a switch between them keeps them."),
      .value(
        "image", \.image, .label, default: .text("stream"),
        "What it was installed from: guests of one image hold the same duplicate pages."),
      .value(
        "zero", \.options.zeroPercent, .percent(), default: .text("100%"), "Of the pages that programs touch, those that stay zero."),
      .value(
        "duplicate", \.options.duplicatePercent, .percent(), default: .text("0%"),
        "Of the pages that programs touch, those that other guests of the image hold too; what is left is like no other page."),
    ],
    make: { .stream($0) }, parts: { if case .stream(let parts) = $0 { parts } else { nil } },
    "A guest that runs an access stream, recorded or generated, every access of it through the MMU.")

  static let translation: [Member<VMSpec>] = [
    .value(
      "vpid", \.translation.usesVPID, .boolean, default: .text("true"),
      "Whether the processor tags the guest's translations, with a VPID or AMD's ASID, so that exits drop none. Nested, shadow, agile."),
    .value(
      "nested_format", \.translation.nested.format, .oneOf("a format"), default: .text("ept"),
      "Whether the host's tables for the guest are Intel's extended page tables (ept) or AMD's nested ones (npt). Nested."),
    .value(
      "ept_accessed_dirty", \.translation.nested.accessedDirty, .boolean, default: .text("true"),
      "Whether the host's tables have accessed and dirty bits; AMD's always have. Nested."),
    .value(
      "pml", \.translation.nested.modificationLog, .boolean, default: .text("false"),
      "Whether the processor logs each page whose dirty bit it sets, and exits when 512 are logged; the list is taken at each sample. Nested."
    ),
    .value("host_levels", \.hostLevels, .integer(4...5), default: .text("4"), "Levels of the host's tables for the guest. Nested."),
    .value(
      "unsync", \.translation.unsync, .oneOf("a policy"), default: .text("kvm"),
      "Which guest tables may differ from their shadow for a while. Shadow, agile."),
    .value(
      "prefetch", \.translation.prefetch, .oneOf("a policy"), default: .text("kvm"),
      "Which shadow entries are filled in before anyone asks for them. Shadow, agile."),
    .value(
      "agile_stores", \.translation.agileStores, .integer(1...1_000_000), default: .text("2"),
      "How many stores to a shadowed table within an interval make it nested. Agile."),
    .value(
      "agile_interval", \.translation.agileInterval, .integer(1...1_000_000_000_000), default: .text("100000"),
      "How long an interval is, in walks. Agile."),
    .value(
      "agile_return", \.translation.agileReturn, .oneOf("a policy"), default: .text("dirty-scan"),
      "Which nested tables are shadowed again when an interval ends. Agile."),
    .value(
      "agile_warm_up", \.translation.agileWarmUp, .integer(0...UInt64.max), default: .text("0"),
      "How many walks an address space makes fully nested before it is shadowed. Agile."),
    .value(
      "update_batch", \.translation.updateBatch, .integer(1...1024), default: .text("16"),
      "How many page-table updates the guest sends in one hypercall. Direct."),
    .value(
      "monitor", \.translation.monitor, .oneOf("a place of the hypervisor"), default: .text("segment-limits"),
      "Where the hypervisor lives that the guest calls. Direct."),
  ]
}

extension ValueType where Value == PageSize {
  /// The size of a page that a table maps.
  static var pageSize: Self {
    let names = PageSize.allCases.map(\.description)
    return ValueType(
      description: ValueDescription(words: "one of \(names.joined(separator: ", "))", range: nil, unit: nil, json: .names(names)),
      parse: { (text: String) throws(ValueProblem) -> PageSize in
        guard let size = PageSize(text) else {
          throw ValueProblem("\"\(text.quotable)\" is not a page size", note: NearestName.note(for: text, among: names))
        }
        return size
      },
      write: { $0.description })
  }
}
