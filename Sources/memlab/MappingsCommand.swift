internal import Addressing
internal import ArgumentParser
internal import PageTables
internal import RAMImages
internal import Reporting

/// `memlab mappings`.
struct MappingsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mappings", abstract: "List everything that a guest's page tables in a RAM image map.",
    discussion: """
      Goes through the x86-64 tables under CR3 and prints each run of mappings: as long as pages follow one another in both address spaces, with one page size \
      and equal attributes. JSON Lines: gva, gpa, size (of the run), page_size (4K, 2M, 1G), writable, user, executable (effective: ANDed over the \
      levels), leaf_writable, leaf_user, leaf_nx, global, accessed, dirty (of the leaf). QEMU's monitor tells CR3 (info registers); \
      CR4 with bit 12 set means five levels.

      Runs are printed as they are found, so a pipe may be closed early and an interrupt keeps what was printed. Nothing is believed: a table that is not in the image \
      is passed over and reported, and a table that contains itself is followed as a processor follows it. Such a tree maps up to 512^5 pages; \
      --limit bounds what is printed, and memlab stops by itself, with exit code 65, after 4096 visits of tables and \
      16 more for each page of the image.

      --like info-tlb prints a line a page in the words of QEMU's monitor, --like info-mem its stretches of equal rights: diff compares them with what \
      QEMU said of the same guest.
      """)

  @Argument(
    help: ArgumentHelp("A RAM image: raw, an ELF64 core (QEMU's dump-guest-memory), or LiME.", valueName: "input"), completion: .file())
  var input: String
  @OptionGroup var tables: GuestTablesInput
  @Option(help: "The form of the printed result; json is JSON Lines.") var format: OutputFormat = .json
  @Flag(help: "Also tell the leaves' write_through, cache_disabled, pat and protection_key; runs are then equal in these too.")
  var allBits = false
  @Option(parsing: .unconditional, help: ArgumentHelp("Print no more than this many runs, at least 1.", valueName: "n")) var limit: UInt64?
  @Option(help: "Print as QEMU's monitor does.") var like: MonitorCommand?
  @Option(
    help: ArgumentHelp("Also write the pages that hold the tables, and nothing else of the guest, as a LiME dump.", valueName: "file"),
    completion: .file())
  var saveTables: String?
  @Flag(help: "Print the result and errors only.") var quiet = false

  func validate() throws {
    guard !input.isEmpty else { throw ValidationError("the name of the input is empty") }
    guard limit != 0 else { throw ValidationError("--limit is at least 1") }
    _ = try tables.root()
    try OutputName.checkResult(reading: [input])
    if let saveTables { try OutputName.check(saveTables, "--save-tables", reading: [input]) }
  }

  /// The user asked for no more.
  private struct LimitReached: Error {}

  func run() throws {
    if let saveTables { Interrupt.endAtOnce(removing: saveTables) }
    let image = try tables.open(input, notesPages: saveTables != nil)
    let mappings = X86Mappings(root: try tables.root(), controls: tables.controls, tableLimit: image.tableLimit)
    var lines = MappingLines(form, tellsAll: allBits)
    var printed: UInt64 = 0
    var outcome = X86MappingsOutcome()
    do {
      outcome = try mappings.forEachRun(telling: allBits || like == .infoTLB ? .all : .common, word: image.word) { run in
        if printed == limit { throw LimitReached() }
        printed += 1
        try lines.append(run, to: StandardOutput.write)
      }
    } catch is LimitReached { outcome.isComplete = false }
    try lines.end(to: StandardOutput.write)
    do throws(ImageError) {
      try image.checkIntact()
      if let saveTables { try image.writePages(to: saveTables) }
    } catch { throw Diagnostics.fail(error) }
    try report(outcome, image, isLimited: printed == limit && !outcome.isComplete)
  }

  private var form: MappingLines.Form {
    switch (like, format) {
    case (.infoTLB, _): .infoTLB
    case (.infoMem, _): .infoMem
    case (nil, .json): .json
    case (nil, .csv): .csv
    case (nil, .text): .text
    }
  }

  /// Says what was passed over.
  private func report(_ outcome: X86MappingsOutcome, _ image: ImageTables, isLimited: Bool) throws {
    if outcome.reservedEntries > 0 && !quiet {
      Diagnostics.print(
        "note: \(outcome.reservedEntries) entries have reserved bits set: accesses under them fault, and they are not listed")
    }
    var problems: [String] = []
    if let missing = image.firstMissing {
      problems.append(
        "\(input): the image has no memory at \(missing), where a table should be; \(outcome.missingWords / 512) such tables passed over")
    }
    if isLimited {
      if !quiet { Diagnostics.print("note: stopped after \(limit ?? 0) runs, as --limit asks; there are more") }
    } else if !outcome.isComplete {
      problems.append(
        "\(input): stopped after \(outcome.tables) tables: no real guest has so many; the tables are corrupt, or contain themselves")
    }
    for problem in problems { Diagnostics.print("error: \(problem)") }
    if !problems.isEmpty { throw ExitStatus.badInput.code }
  }
}

/// What QEMU's monitor is asked.
enum MonitorCommand: String, ExpressibleByArgument, CaseIterable {
  case infoTLB = "info-tlb"
  case infoMem = "info-mem"
}
