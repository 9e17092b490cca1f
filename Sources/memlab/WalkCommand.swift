internal import Addressing
internal import ArgumentParser
internal import Files
internal import PageTables
internal import RAMImages
internal import Reporting
internal import Translation

/// `memlab walk`.
struct WalkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "walk", abstract: "Walk page tables, memory reference by memory reference: a guest's in a RAM image, or an example's.",
    discussion: """
      memlab walk guest.elf --cr3 0x3a5e000 0x7ffff7dd5000 walks the x86-64 tables in a RAM image: every entry with its address, its flags and where it \
      leads, then the guest-physical address, or the fault and its error code. QEMU's monitor tells CR3 (info registers).

      memlab walk --demo 4x4 builds and walks a small example: a guest of 4 levels over a host of 4 levels, 24 references. 4x0 is a machine without a \
      hypervisor, 5x5 takes 35 references, 4x1 puts a flat table in the host. 3 and 2 are short for 4 levels that end at a page of 2M and of 1G: 4x3 is \
      4x4 --host-page 2M. --absent 17 takes away the entry that reference 17 reads, --read-only 20 its right to write: see who faults, and with which code.

      --nested-format npt gives the host AMD's tables. With --ept-accessed-dirty off a read of a guest's table is no write to its page: one without W \
      (--read-only 4) does no harm. With --mode-based-execute entries of Intel's have a right to execute for the guest's user pages (XU) \
      and one for its kernel's (XS): --no-execute 24 is how a hypervisor keeps a kernel from executing a page (--kernel-page, --access fetch) that user \
      mode may execute.

      --explain tells each step and what it is for; --figure draws the walk.
      """)

  @Argument(
    help: ArgumentHelp(
      "A RAM image (raw, ELF64 core, LiME), then the virtual addresses to walk, such as 0x7ffff7dd5000.", valueName: "input gva"))
  var words: [String] = []
  @OptionGroup var tables: GuestTablesInput
  @Option(
    help: ArgumentHelp("Walk an example of so many guest levels over so many host levels, such as 4x4.", valueName: "GxH"),
    transform: DemoShape.init(reading:))
  var demo: DemoShape?
  @Option(help: ArgumentHelp("--demo: the size of the guest's page: 4K, 2M or 1G.", valueName: "size")) var guestPage: DemoPage?
  @Option(help: ArgumentHelp("--demo: the size of the host's page: 4K, 2M or 1G.", valueName: "size")) var hostPage: DemoPage?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("--demo: make the entry that reference N reads not present.", valueName: "n"))
  var absent: Int?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("--demo: take the right to write from the entry that reference N reads.", valueName: "n"))
  var readOnly: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "--demo: take the right to execute from the entry that reference N reads; with --mode-based-execute that from kernel pages.",
      valueName: "n"))
  var noExecute: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("--demo --mode-based-execute: take the right to execute from user pages from that entry.", valueName: "n"))
  var noUserExecute: Int?
  @Option(help: "--demo: the host's tables, Intel's extended page tables or AMD's nested ones. Default: ept.") var nestedFormat:
    NestedTables?
  @Option(help: "--demo: whether the host's tables have accessed and dirty bits; AMD's always have. Default: on.")
  var eptAccessedDirty: Switch?
  @Flag(help: "--demo: the host's entries tell fetches from user pages from fetches from kernel pages.") var modeBasedExecute = false
  @Flag(help: "--demo: the guest's page is its kernel's, not a user's.") var kernelPage = false
  @Option(help: "The access that is walked for.") var access: WalkAccess = .read
  @Option(help: "The mode of the access.") var mode: WalkMode = .supervisor
  @Flag(help: "Tell each step and what it is for.") var explain = false
  @Option(help: ArgumentHelp("Also draw the walk, as SVG; of several addresses, the first.", valueName: "file.svg"), completion: .file())
  var figure: String?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let figure { try OutputName.check(figure, "--figure", reading: demo == nil ? Array(words.prefix(1)) : []) }
    guard let demo else { return try validateImage() }
    guard words.isEmpty && tables.cr3 == nil && tables.belowFourGiB == nil else {
      throw ValidationError("--demo builds its own tables: it takes no image, no address and no --cr3")
    }
    let shape = try demo.dimensions(guestPage: guestPage?.size, hostPage: hostPage?.size)
    if let problem = WalkExample.problem(guest: shape.guest, host: shape.host) { throw ValidationError(problem) }
    try validateHost(of: shape.host)
    let references = WalkTranscript.references(guest: shape.guest.depth, host: shape.host?.depth ?? 0)
    for loss in losses where !(1...references).contains(loss.number) {
      throw ValidationError("\(loss.name) is 1 to \(references), the references of this walk, not \(loss.number)")
    }
  }

  /// What is said of the host's tables fits them.
  private func validateHost(of host: WalkExample.Dimension?) throws {
    guard host != nil || (nestedFormat == nil && !modeBasedExecute && eptAccessedDirty == nil) else {
      throw ValidationError(
        "--nested-format, --ept-accessed-dirty and --mode-based-execute need a host: H is 0, a machine without a hypervisor")
    }
    guard eptAccessedDirty != .off || nestedFormat != .npt else {
      throw ValidationError("--ept-accessed-dirty off does not go with --nested-format npt: AMD's nested tables always have these bits")
    }
    guard !modeBasedExecute || nestedFormat != .npt else {
      throw ValidationError("--mode-based-execute does not go with --nested-format npt: AMD's nested tables have one right to execute")
    }
    guard noUserExecute == nil || modeBasedExecute else {
      throw ValidationError("--no-user-execute needs --mode-based-execute: without it an entry has one right to execute")
    }
  }

  /// What the example's entries lose, by the number of the reference that reads them.
  private var losses: [(name: String, loss: WalkExample.Loss, number: Int)] {
    let all: [(String, WalkExample.Loss, Int?)] = [
      ("--absent", .presence, absent), ("--read-only", .write, readOnly), ("--no-execute", .execute, noExecute),
      ("--no-user-execute", .userExecute, noUserExecute),
    ]
    return all.compactMap { name, loss, number in number.map { (name, loss, $0) } }
  }

  private func validateImage() throws {
    guard guestPage == nil && hostPage == nil && absent == nil && readOnly == nil else {
      throw ValidationError("--guest-page, --host-page, --absent and --read-only belong to --demo")
    }
    guard losses.isEmpty && nestedFormat == nil && eptAccessedDirty == nil && !modeBasedExecute && !kernelPage else {
      throw ValidationError(
        "--no-execute, --no-user-execute, --nested-format, --ept-accessed-dirty, --mode-based-execute and --kernel-page belong to --demo")
    }
    guard let input = words.first else { throw ValidationError("missing expected argument '<input>'; or walk an example: --demo 4x4") }
    guard !input.isEmpty else { throw ValidationError("the name of the input is empty") }
    guard words.count > 1 else { throw ValidationError("missing expected argument '<gva> ...': the addresses to walk") }
    try OutputName.checkResult(reading: [input])
    _ = try tables.root()
    _ = try addresses()
  }

  /// The addresses to walk; all that is wrong with any of them at once.
  private func addresses() throws -> [GuestVirtualAddress] {
    var (found, problems): ([GuestVirtualAddress], [String]) = ([], [])
    for word in words.dropFirst() {
      let address: GuestVirtualAddress
      do { address = GuestVirtualAddress(try AddressArgument(reading: word).rawValue) } catch {
        problems.append("\"\(word)\" is no address: \(error)")
        continue
      }
      if X86Index.isCanonical(address, levels: tables.levels) {
        found.append(address)
      } else {
        let top = tables.levels * 9 + 11
        let hint = tables.levels == 4 && X86Index.isCanonical(address, levels: 5) ? "; it is with --levels 5" : ""
        problems.append(
          "\(address) is not canonical with \(tables.levels) levels: bits 63:\(top) must be equal, or the processor faults before any walk\(hint)"
        )
      }
    }
    guard problems.isEmpty else { throw ValidationError(problems.joined(separator: "; ")) }
    return found
  }

  func run() throws {
    let walks = try demo.map { [try walkExample($0)] } ?? walkImage()
    if let figure, let first = walks.first { try draw(first, figure) }
    let heading: [JSONValue.Member] = [
      .init("schema", "memlab.walk/1"), .init("input", demo == nil ? .string(words[0]) : .null),
      .init("cr3", .string(hex(walks.first?.root.rawValue ?? 0))), .init("levels", .count(UInt64(walks.first?.guestLevels ?? 0))),
      .init("host_levels", .count(UInt64(walks.first?.hostLevels ?? 0))), .init("walks", .array(walks.map(WalkSummary.json))),
    ]
    try output.print(
      text: walks.map(explain ? WalkText.explanation : WalkText.table).joined(separator: "\n"), json: .object(heading),
      csv: WalkSummary.csv(walks))
    var isMissing = false
    for walk in walks {
      guard case .noMemory(let address) = walk.outcome else { continue }
      Diagnostics.print("error: \(words[0]): \(walk.address): the image has no memory at \(hex(address)), where the next entry should be")
      isMissing = true
    }
    if isMissing { throw ExitStatus.badInput.code }
  }

  private func walkImage() throws -> [WalkTranscript] {
    let (root, addresses) = (try tables.root(), try addresses())
    let image = try tables.open(words[0])
    let recorder = WalkRecorder(controls: tables.controls, physical: image.word)
    let walks = addresses.map { recorder.walk($0, cr3: root, access.kind, mode.privilege) }
    do throws(ImageError) { try image.checkIntact() } catch { throw Diagnostics.fail(error) }
    return walks
  }

  private func walkExample(_ demo: DemoShape) throws -> WalkTranscript {
    let shape = try demo.dimensions(guestPage: guestPage?.size, hostPage: hostPage?.size)
    let example = WalkExample(
      guest: shape.guest, host: shape.host, format: nestedFormat?.format ?? .ept, modeBasedExecute: modeBasedExecute,
      isUserPage: !kernelPage, setsAccessedDirty: eptAccessedDirty != .off)
    let whole = example.recorder().walk(example.address, cr3: example.root, access.kind, mode.privilege)
    // An access that the guest refuses reads fewer entries than a complete walk.
    for loss in losses where loss.number <= whole.steps.count { example.take(loss.loss, from: whole.steps[loss.number - 1]) }
    return example.recorder().walk(example.address, cr3: example.root, access.kind, mode.privilege)
  }

  private func draw(_ walk: WalkTranscript, _ path: String) throws {
    Interrupt.endAtOnce(removing: path)
    do throws(SystemError) {
      let file = try WholeFile(path)
      try file.append(Array(WalkFigure.svg(walk).utf8))
      try file.commit()
    } catch { throw Diagnostics.fail(.cannotWrite, "error: \(path): \(error)") }
  }
}

/// `GxH`: levels that a walk reads of the guest's tables and of the host's.
struct DemoShape {
  let guest: Int
  let host: Int

  init(reading text: String) throws {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count == 2, let guest = Int(parts[0]), let host = Int(parts[1]) else {
      throw ValidationError("it is the guest's levels, an x, and the host's, such as 4x4")
    }
    guard (2...5).contains(guest), (0...5).contains(host) else {
      throw ValidationError("a guest has 2 to 5 levels and a host 0 to 5; 4x4 and 5x5 are what processors have")
    }
    (self.guest, self.host) = (guest, host)
  }

  /// The tables that are meant, with the sizes of pages that were told beside.
  func dimensions(guestPage: PageSize?, hostPage: PageSize?) throws -> (guest: WalkExample.Dimension, host: WalkExample.Dimension?) {
    let guest = try Self.dimension(guest, guestPage, "--guest-page")
    guard host > 0 else {
      guard hostPage == nil else { throw ValidationError("--host-page needs a host: H is 0, a machine without a hypervisor") }
      return (guest, nil)
    }
    return (guest, try Self.dimension(host, hostPage, "--host-page"))
  }

  private static func dimension(_ depth: Int, _ page: PageSize?, _ option: String) throws -> WalkExample.Dimension {
    switch depth {
    case 1:
      guard page == nil || page == .size4K else { throw ValidationError("\(option): a flat table maps pages of 4K") }
      return WalkExample.Dimension(levels: 1)
    case 2, 3:
      let meant = depth == 3 ? PageSize.size2M : .size1G
      guard page == nil || page == meant else {
        throw ValidationError(
          "\(option) \(page?.description ?? ""): \(depth) levels end at a page of \(meant); say 4 or 5 with --guest-page and --host-page")
      }
      return WalkExample.Dimension(levels: 4, page: meant)
    default: return WalkExample.Dimension(levels: depth, page: page ?? .size4K)
    }
  }
}

/// A size of page on the command line.
enum DemoPage: String, ExpressibleByArgument, CaseIterable {
  case size4K = "4K"
  case size2M = "2M"
  case size1G = "1G"

  var size: PageSize {
    switch self {
    case .size4K: .size4K
    case .size2M: .size2M
    case .size1G: .size1G
    }
  }
}

/// What a walk is for, on the command line.
enum WalkAccess: String, ExpressibleByArgument, CaseIterable {
  case read, write, fetch

  var kind: AccessKind {
    switch self {
    case .read: .read
    case .write: .write
    case .fetch: .fetch
    }
  }
}

/// The mode of an access, on the command line.
enum WalkMode: String, ExpressibleByArgument, CaseIterable {
  case user, supervisor

  var privilege: Privilege { self == .user ? .user : .supervisor }
}
