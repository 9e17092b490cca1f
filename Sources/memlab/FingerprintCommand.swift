internal import ArgumentParser
internal import LiveKernel
internal import PageSharing
internal import RAMImages
internal import Reporting

/// `memlab fingerprint`.
struct FingerprintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fingerprint", abstract: "Record which pages of memories are equal, without what they hold.",
    discussion: """
      The name of the file decides what is recorded. FILE.pit, a page identity trace: page order and equality among the given inputs; it means nothing \
      outside itself, so two of them are never compared. FILE.mfp, fingerprints: a 128-bit hash (XXH3) of every page, comparable across files and \
      machines; whoever can guess a page can confirm the guess.

      memlab scan reads both.
      """)

  @OptionGroup var memories: MemoryInputs
  @Option(
    name: [.customShort("o"), .customLong("out")],
    help: ArgumentHelp("The file to write, ending in .pit or .mfp.", valueName: "file"), completion: .file(extensions: ["pit", "mfp"]))
  var out = "fingerprints.mfp"
  @Option(help: "The size of the pages that are compared.") var pageSize: CountedPage = .size4K
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard out.hasSuffix(".pit") || out.hasSuffix(".mfp") else {
      throw ValidationError("the name of the output ends in .pit (identities) or .mfp (fingerprints), not as in \"\(out)\"")
    }
  }

  func run() throws {
    let inputs = try memories.open()
    Interrupt.endAtOnce(removing: out)
    let guests: [(name: String, pages: Int)]
    do throws(ImageError) {
      if out.hasSuffix(".pit") {
        let trace = try memories.scanner.identities(of: inputs, pageSize: pageSize.bytes)
        try trace.write(to: out)
        guests = trace.guests.map { ($0.name, $0.identities.count) }
      } else {
        let file = try memories.scanner.fingerprints(of: inputs, pageSize: pageSize.bytes)
        try file.write(to: out)
        guests = file.guests.map { ($0.name, $0.fingerprints.count) }
      }
    } catch { throw Diagnostics.fail(error) }
    try output.print(
      text: "\(out): " + guests.map { "\($0.name) \($0.pages) pages" }.joined(separator: ", "),
      json: [
        "schema": "memlab.fingerprint/1", "file": .string(out), "page_bytes": .count(UInt64(pageSize.bytes)),
        "guests": .array(guests.map { ["name": .string($0.name), "pages": .count(UInt64($0.pages))] }),
      ],
      csv: [["name", "pages"]] + guests.map { [$0.name, String($0.pages)] })
  }
}

/// `memlab capture`.
struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture", abstract: "Save a live process's memory, with its map, as an ELF64 core.",
    discussion: """
      Only pages that are present are read and saved, so that looking changes nothing. memlab scan and debuggers read the file. It holds everything \
      that the process holds, passwords and keys included.
      """)

  @Argument(help: ArgumentHelp("The process, as pid:N.", valueName: "pid:n")) var process: String
  @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file())
  var out: String
  @Flag(help: "Save pages of files and of shared memory too; without it, anonymous pages only.") var withFiles = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard process.hasPrefix("pid:") else { throw ValidationError("a process is named by its number, such as pid:4711, not \"\(process)\"") }
  }

  func run() throws {
    Interrupt.endAtOnce(removing: out)
    let capture: CoreCapture
    do throws(ImageError) {
      guard let memory = try MemoryInputs.process(process, withFiles: withFiles) else { return }
      capture = try CoreCapture(of: memory, to: out)
    } catch { throw Diagnostics.fail(error) }
    try output.print(
      text: "\(out): \(capture.pages) pages of \(process)"
        + (capture.pagesVanished > 0 ? "; \(capture.pagesVanished) vanished meanwhile" : ""),
      json: [
        "schema": "memlab.capture/1", "file": .string(out), "process": .string(process), "pages": .count(capture.pages),
        "pages_vanished": .count(capture.pagesVanished), "file_bytes": .count(capture.fileBytes),
      ],
      csv: [
        ["process", "pages", "pages_vanished", "file_bytes"],
        [process, "\(capture.pages)", "\(capture.pagesVanished)", "\(capture.fileBytes)"],
      ])
  }
}
