import Foundation

/// # The built program from outside
///
/// These tests know memlab as its users do: arguments in, two streams and an exit code out. The program is the one that was built with the
/// tests (it stands beside the test bundle), or the one that `MEMLAB_EXECUTABLE` names.
struct MemlabProcess {
  /// How a process ended.
  struct Outcome {
    let status: Int32
    let endedBySignal: Bool
    let output: Data
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }

    /// The JSON object on standard output.
    func object() throws -> [String: Any] {
      guard let object = try JSONSerialization.jsonObject(with: output) as? [String: Any] else { throw Failure("no JSON object: \(text)") }
      return object
    }
  }

  /// Why a test could not do its work.
  struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// The program.
  static let executable: URL? = {
    if let path = ProcessInfo.processInfo.environment["MEMLAB_EXECUTABLE"] { return URL(fileURLWithPath: path) }
    let starts = [
      Bundle.main.bundleURL, Bundle.main.executableURL, ProcessInfo.processInfo.arguments.first.map { URL(fileURLWithPath: $0) },
    ]
    for start in starts.compactMap({ $0 }) {
      var folder = start
      for _ in 0..<4 {
        let candidate = folder.appendingPathComponent("memlab")
        if FileManager.default.isExecutableFile(atPath: candidate.path),
          (try? candidate.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true
        {
          return candidate
        }
        folder.deleteLastPathComponent()
      }
    }
    return nil
  }()

  /// The repository's folder.
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The five recorded guests.
  static let fiveGuests = repository.appendingPathComponent("Workloads/data/five-guests.pit.zst").path

  private let process = Process()
  private let streams: Workshop

  /// Starts memlab in a folder, with standard input closed. `settings` changes the environment; nil takes a variable away.
  init(
    _ arguments: [String], in folder: Workshop, executable: URL? = MemlabProcess.executable, output: FileHandle? = nil,
    settings: [String: String?] = [:]
  ) throws {
    guard let executable else { throw Failure("the memlab executable is not beside the tests") }
    streams = try Workshop()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    process.standardInput = FileHandle.nullDevice
    let printed = try streams.emptyFile("output")
    process.standardOutput = output ?? printed
    process.standardError = try streams.emptyFile("errors")
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    for (name, value) in settings { environment[name] = value }
    process.environment = environment
    try process.run()
  }

  /// Waits until the process has mapped a file, or has ended.
  func waitUntilMapped(_ path: String) {
    while process.isRunning,
      (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/maps", encoding: .utf8))?.contains(path) != true
    {
      Thread.sleep(forTimeInterval: 0.005)
    }
  }

  /// The processes that it has started.
  var children: [pid_t] {
    let tasks = "/proc/\(process.processIdentifier)/task"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
    let lists = names.compactMap { try? String(contentsOfFile: "\(tasks)/\($0)/children", encoding: .utf8) }
    return lists.flatMap { $0.split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) } }
  }

  /// Sends SIGINT.
  func interrupt() { kill(process.processIdentifier, SIGINT) }

  /// Waits for the end, but no longer than a number of seconds.
  func outcome(within seconds: Double = 50) throws -> Outcome {
    let end = Date(timeIntervalSinceNow: seconds)
    while process.isRunning {
      guard Date() < end else {
        process.terminate()
        kill(process.processIdentifier, SIGKILL)
        throw Failure("memlab did not end within \(seconds) s")
      }
      Thread.sleep(forTimeInterval: 0.005)
    }
    return Outcome(
      status: process.terminationStatus, endedBySignal: process.terminationReason == .uncaughtSignal,
      output: try Data(contentsOf: streams.url.appendingPathComponent("output")),
      errors: String(decoding: try Data(contentsOf: streams.url.appendingPathComponent("errors")), as: UTF8.self))
  }

  /// Runs memlab to its end.
  static func run(_ arguments: [String], in folder: Workshop, within seconds: Double = 50) throws -> Outcome {
    try MemlabProcess(arguments, in: folder).outcome(within: seconds)
  }

  /// Runs memlab to its end in a folder of its own.
  static func run(_ arguments: String...) throws -> Outcome { try run(arguments, in: try Workshop()) }
}
