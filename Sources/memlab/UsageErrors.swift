internal import ArgumentParser
internal import Scenarios

/// What a user is told of a command line that cannot be understood: one line of what is wrong, one of where to read more.
enum UsageErrors {
  private static var names: [String] {
    Memlab.configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
  }

  /// Refuses a command that does not exist and names the nearest one, which the parser does not do by itself.
  static func checkCommandName(_ arguments: [String]) throws {
    var words = arguments.prefix(2)
    if words.first == "help" { words = words.dropFirst() }
    guard let name = words.first, !name.hasPrefix("-") else { return }
    guard !names.contains(name) else { return try checkSubject(name, words.dropFirst().first) }
    let shown = "there is no command \"\(onOneLine(name))\""
    if let nearest = NearestName.nearest(to: name, among: names) { throw ValidationError("\(shown); did you mean \"\(nearest)\"?") }
    throw ValidationError("\(shown); the commands are \(names.joined(separator: ", "))")
  }

  /// Refuses what a command with commands of its own does not have.
  private static func checkSubject(_ name: String, _ subject: String?) throws {
    let command = Memlab.configuration.subcommands.first { $0.configuration.commandName == name }
    let subjects = command?.configuration.subcommands.compactMap { $0.configuration.commandName } ?? []
    guard !subjects.isEmpty, let subject, !subject.hasPrefix("-"), !subjects.contains(subject) else { return }
    let shown = "there is no \"\(onOneLine(subject))\" for memlab \(name)"
    throw ValidationError("\(shown); there is \(subjects.joined(separator: ", "))" + NameHint.text(for: subject, among: subjects))
  }

  /// The two lines.
  static func report(_ message: String, _ arguments: [String]) -> String {
    let plain = message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message
    let first =
      plain.prefix(1).lowercased() + plain.dropFirst()
      + (isNumberError(plain) ? ": it takes a whole number of digits, at most 2^64 - 1" : "")
    let command = arguments.first.map { names.contains($0) && $0 != "help" ? " \($0)" : "" } ?? ""
    return "error: \(onOneLine(String(first)))\nhelp: memlab help\(command)"
  }

  /// Whether the parser only says that a value is no number, for an option of a count.
  private static func isNumberError(_ message: String) -> Bool {
    message.contains("is invalid for '--") && ["<n>'", "<4|5>'", "<seconds>'"].contains { message.hasSuffix(" \($0)") }
  }

  /// A text without line breaks and control characters, and not endless.
  private static func onOneLine(_ text: String) -> String {
    let words = text.split { $0.isWhitespace }.joined(separator: " ")
    let plain = String(String.UnicodeScalarView(words.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    return plain.count > 400 ? plain.prefix(400) + "..." : plain
  }
}
