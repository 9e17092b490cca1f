internal import ArgumentParser
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
    try OutputName.check(out, "--out", reading: memories.paths)
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
