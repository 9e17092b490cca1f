import Foundation

/// A hunt in a process of its own, watched by another: a trap ends the hunt without a word, and the watcher says what was being tried then.
///
/// The hunt prints a line that begins with `mark` whenever a worker begins something new; the watcher keeps the last one of each worker and
/// passes every other line on.
enum Watch {
  /// The first argument of a hunt that is watched.
  static let watched = "--watched"
  private static let mark = "\u{1}"

  /// Says what a worker is about to try: the arguments that try it again.
  static func begin(_ worker: Int, _ arguments: String) { Workers.say("\(mark)\(worker) \(arguments)") }

  /// Runs this program again with the same arguments, and watches it.
  /// - Returns: its exit code, or 3 where a signal ended it.
  static func run(_ arguments: [String]) throws(SoakError) -> Int32 {
    let hunt = Process()
    hunt.executableURL = Bundle.main.executableURL
    hunt.arguments = [watched] + arguments
    let pipe = Pipe()
    hunt.standardOutput = pipe
    do { try hunt.run() } catch { throw SoakError("cannot start \(CommandLine.arguments[0]) again: \(error)") }
    var tried: [Int: String] = [:]
    var rest = Data()
    while case let more = pipe.fileHandleForReading.availableData, !more.isEmpty {
      rest.append(more)
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: rest[..<end], as: UTF8.self)
        rest.removeSubrange(...end)
        let words = line.dropFirst(mark.count).split(separator: " ", maxSplits: 1)
        if line.hasPrefix(mark), words.count == 2, let worker = Int(words[0]) {
          tried[worker] = String(words[1])
        } else {
          Workers.say(line)
        }
      }
    }
    hunt.waitUntilExit()
    guard hunt.terminationReason == .uncaughtSignal else { return hunt.terminationStatus }
    Workers.say("ended by signal \(hunt.terminationStatus); what was being tried, to be tried again:")
    for (_, arguments) in tried.sorted(by: { $0.key < $1.key }) { Workers.say("  memlab-soak \(arguments)") }
    return 3
  }
}
