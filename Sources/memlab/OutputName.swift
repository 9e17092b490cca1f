internal import ArgumentParser
internal import Files

/// The names of what a command writes, against those of what it reads.
enum OutputName {
  /// Refuses a name under which something would be lost: that of a file which the command reads, spelt in whatever way or linked to it, and that of
  /// the file which standard output goes to, since the result goes there too.
  static func check(_ output: String, _ option: String, reading inputs: [String]) throws {
    guard !output.isEmpty else { throw ValidationError("the name of the file to write is empty: \(option)") }
    guard let file = FileIdentity(path: output) else { return }
    if let input = inputs.first(where: { FileIdentity(path: $0) == file }) {
      let other = input == output ? "the input itself" : "the same file as the input \(input)"
      throw ValidationError("\(option) \(output) is \(other), which would be lost; name another file")
    }
    guard file != FileIdentity.standardOutput else {
      throw ValidationError("\(option) \(output) is where standard output goes, and the result with it; name another file")
    }
  }

  /// Refuses inputs that standard output goes to: the result would be written into what is read, and where the shell has emptied the file first, nothing
  /// is left to read.
  static func checkResult(reading inputs: [String]) throws {
    guard let file = FileIdentity.standardOutput, let input = inputs.first(where: { FileIdentity(path: $0) == file }) else { return }
    throw ValidationError("the input \(input) is also where standard output goes; send the result elsewhere")
  }
}
