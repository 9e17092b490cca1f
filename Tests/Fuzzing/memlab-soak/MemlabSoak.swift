import Foundation
import TestSupport
import TranslationFuzzing

/// Long hunts for differences between the ways of paging.
@main struct MemlabSoak {
  static let usage = """
    memlab-soak permissions [--modes A,B,...] [--stride N] [--first N] [--end N]
        Holds every way of paging against the rule of the public access test, for all its 28,999,680 combinations or some of them.
    memlab-soak differential [--steps N] [--seed N] [--length N] [--modes A,B,...]
        Carries random programs of --length steps out in all ways of paging at once, --steps in all; shrinks and prints one that fails.
    memlab-soak steps SEED [--length N] [--modes A,B,...]
        Prints the program of a seed, each step before it is carried out: for one that traps.
    memlab-soak replay FILE
        Carries a printed program out again.
    Options for the first two: --workers N (2). Exit codes: 1 where something differs, 2 where it cannot run, 3 after a trap.
    Modes: \(FuzzWay.allCases.map(\.rawValue).joined(separator: ", ")).
    """

  static func main() {
    do throws(SoakError) {
      let arguments = Array(CommandLine.arguments.dropFirst())
      guard arguments.first == Watch.watched else { exit(try Watch.run(arguments)) }
      exit(try run(Array(arguments.dropFirst())) ? 0 : 1)
    } catch {
      FileHandle.standardError.write(Data("memlab-soak: \(error.text)\n".utf8))
      exit(2)
    }
  }

  static func run(_ arguments: [String]) throws(SoakError) -> Bool {
    guard let command = arguments.first else { throw SoakError(usage) }
    if command == "replay" {
      guard arguments.count == 2 else { throw SoakError(usage) }
      return try replay(arguments[1])
    }
    if command == "steps" {
      guard arguments.count > 1, let seed = UInt64(arguments[1]) else { throw SoakError(usage) }
      return try DifferentialSoak(SoakOptions(arguments.dropFirst(2))).printSteps(seed)
    }
    let options = try SoakOptions(arguments.dropFirst())
    switch command {
    case "permissions": return PermissionSoak(options).run()
    case "differential": return DifferentialSoak(options).run()
    default: throw SoakError(usage)
    }
  }

  private static func replay(_ path: String) throws(SoakError) -> Bool {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw SoakError("cannot read \(path)") }
    do {
      let program = try FuzzProgram(parsing: text)
      let failure = try FuzzRun.replay(program)
      print(failure.map(\.description) ?? "\(program.steps.count) steps, every way of paging agrees with the rule")
      return failure == nil
    } catch {
      throw SoakError("\(path): \(error)")
    }
  }
}

/// What is wrong with a command line.
struct SoakError: Error {
  var text: String
  init(_ text: String) { self.text = text }
}

/// The options of a command.
struct SoakOptions {
  var steps = 10_000_000
  var seed: UInt64 = 1
  var length = 1500
  var stride = 1
  var first = 0
  var end = PermissionEnumeration.count
  var workers = 2
  var modes = FuzzWay.allCases

  init(_ arguments: ArraySlice<String>) throws(SoakError) {
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw SoakError("\(name) needs a value\n\(MemlabSoak.usage)") }
      if name == "--modes" {
        modes = []
        for word in value.split(separator: ",") {
          guard let way = FuzzWay(rawValue: String(word)) else { throw SoakError("there is no mode \(word)\n\(MemlabSoak.usage)") }
          modes.append(way)
        }
        continue
      }
      let least = name == "--first" ? 0 : 1
      guard let number = Int(value), number >= least else { throw SoakError("\(name) needs a number from \(least) up, not \(value)") }
      switch name {
      case "--steps": steps = number
      case "--seed": seed = UInt64(number)
      case "--length": length = number
      case "--stride": stride = number
      case "--first": first = number
      case "--end": end = min(number, PermissionEnumeration.count)
      case "--workers": workers = number
      default: throw SoakError("there is no option \(name)\n\(MemlabSoak.usage)")
      }
    }
    if modes.isEmpty { throw SoakError("--modes names none") }
  }
}
