internal import ArgumentParser
internal import LiveKernel
internal import PageSharing
internal import RAMImages
internal import Reporting

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
    try OutputName.check(out, "--out", reading: [])
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
