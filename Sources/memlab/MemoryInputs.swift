internal import Addressing
internal import ArgumentParser
internal import Foundation
internal import LiveKernel
internal import PageSharing
internal import RAMImages

/// The arguments that name memories, and how they are to be read.
struct MemoryInputs: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Memories, each one guest: a raw RAM image, an ELF64 core (QEMU's dump-guest-memory, gcore), LiME, a page identity trace (FILE.pit: every guest in it; FILE.pit#web,db chooses), fingerprints (FILE.mfp), pid:N, a live process (pid:self: this one), or vms:, every virtual machine of this host.",
      valueName: "input"),
    completion: .file())
  var inputs: [String]

  @Option(
    name: .customLong("below-4g"), parsing: .unconditional,
    help: ArgumentHelp(
      "How much of a raw image lies below 4 GiB, such as 3GiB; what follows begins at 4 GiB. Default: the image has no hole.",
      valueName: "size"),
    transform: MemoryInputs.belowFourGiB)
  var belowFourGiB: UInt64?

  @Flag(help: "Of live processes, count pages of files and of shared memory too; without it, anonymous pages only.") var withFiles = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads that share the work, 1 to 1024; default: one per processor. Results do not depend on it.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    guard !inputs.contains("") else { throw ValidationError("the name of an input is empty") }
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads is 1 to 1024, not \(threads)") }
    try OutputName.checkResult(reading: paths)
  }

  /// Where the inputs lie that are files.
  var paths: [String] { inputs.map(RecordedMemory.path(of:)) }

  /// The exact scanner.
  var scanner: ExactScanner { ExactScanner(threads: threads) }

  /// Opens everything, in order, or says what is wrong and throws the exit code.
  func open() throws -> [MemoryInput] { try Self.open(inputs, belowFourGiB: belowFourGiB, withFiles: withFiles) }

  /// Opens memories by their names.
  static func open(_ inputs: [String], belowFourGiB: UInt64? = nil, withFiles: Bool = false) throws -> [MemoryInput] {
    do throws(ImageError) {
      var opened: [MemoryInput] = []
      for input in inputs {
        if input == "vms:" {
          opened += try virtualMachines(withFiles: withFiles)
        } else if let process = try process(input, withFiles: withFiles) {
          opened.append(MemoryInput(process: process))
        } else {
          opened += try RecordedMemory.open(input, options: RecordedMemory.Options(belowFourGiB: belowFourGiB))
        }
      }
      guard !opened.isEmpty else { throw ImageError(inputs.joined(separator: ", "), .empty, "no guest is recorded in it") }
      return opened
    } catch { throw Diagnostics.fail(error) }
  }

  /// What each input's pages are used for, as copies of /proc/kpageflags or this machine's kernel tell.
  /// - Parameter files: one for each input, in order; "live" for a live process, once for all of them if there is nothing else.
  func kinds(of inputs: [MemoryInput], _ files: [String]) throws(ImageError) -> [[PageKind]] {
    let files = files == ["live"] ? inputs.map { _ in "live" } : files
    guard files.count == inputs.count else {
      throw ImageError(
        files.last ?? "", .incompatible,
        "there are \(files.count) --page-flags, but \(inputs.count) inputs: one for each, in order")
    }
    var kinds: [[PageKind]] = []
    for (input, file) in zip(inputs, files) {
      if file == "live" {
        kinds.append(try Self.liveKinds(of: input))
      } else {
        kinds.append(try PageFlagsFile.kinds(file, for: input, options: RecordedMemory.Options(belowFourGiB: belowFourGiB)))
      }
    }
    return kinds
  }

  private static func liveKinds(of input: MemoryInput) throws(ImageError) -> [PageKind] {
    guard case .process(let memory) = input.contents, let process = memory as? ProcessMemory else {
      throw ImageError(input.name, .incompatible, "it is no live process: --page-flags names a copy of its guest's /proc/kpageflags")
    }
    do throws(RemoteMemoryError) { return PageKind.kinds(of: try process.pageFlags()) } catch { throw ImageError(error) }
  }

  /// The process that an argument names; nil if it names none.
  static func process(_ argument: String, withFiles: Bool) throws(ImageError) -> ProcessMemory? {
    guard argument.hasPrefix("pid:") else { return nil }
    let number = argument == "pid:self" ? "pid:\(ProcessInfo.processInfo.processIdentifier)" : argument
    do throws(RemoteMemoryError) { return try ProcessMemory(argument: number, withFiles: withFiles) } catch { throw ImageError(error) }
  }

  private static func virtualMachines(withFiles: Bool) throws(ImageError) -> [MemoryInput] {
    let machines = VirtualMachineProcesses()
    if let problem = machines.problem { throw ImageError("vms:", machines.hidden.isEmpty ? .missing : .unreadable, problem) }
    var opened: [MemoryInput] = []
    for machine in machines.found {
      do throws(RemoteMemoryError) {
        opened.append(MemoryInput(process: try ProcessMemory(pid: machine.pid, withFiles: withFiles)))
      } catch  where error.kind == .missing || error.kind == .ended {
        // It has ended since it was found.
        continue
      } catch { throw ImageError(error) }
    }
    guard !opened.isEmpty else { throw ImageError("vms:", .missing, "the virtual machines that were found have ended") }
    return opened
  }

  /// Reads what `--below-4g` says.
  static func belowFourGiB(_ text: String) throws -> UInt64 {
    let bytes: UInt64
    do throws(ByteSizeError) { bytes = try ByteSize(parsing: text).bytes } catch { throw ValidationError(error.problem) }
    guard bytes.isMultiple(of: 4096), bytes <= 1 << 32 else { throw ValidationError("it is a multiple of 4KiB and at most 4GiB") }
    return bytes
  }
}

/// The size of the pages that are counted.
enum CountedPage: String, ExpressibleByArgument, CaseIterable {
  case size4K = "4K"
  case size16K = "16K"
  case size64K = "64K"
  case size2M = "2M"

  /// The size in bytes.
  var bytes: Int {
    switch self {
    case .size4K: 4 << 10
    case .size16K: 16 << 10
    case .size64K: 64 << 10
    case .size2M: 2 << 20
    }
  }
}
