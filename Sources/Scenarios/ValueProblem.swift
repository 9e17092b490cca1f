/// What is wrong with the text of a value.
struct ValueProblem: Error, Equatable {
  /// What is wrong.
  var message: String
  /// What to do about it, where that is known.
  var note: String?

  init(_ message: String, note: String? = nil) {
    self.message = message
    self.note = note
  }
}

extension String {
  /// The text as a message can show it: on one line, and not longer than 60 characters.
  var quotable: String { quotable(upTo: 60) }

  /// The text as a message can show it: on one line, and not longer than a number of characters.
  func quotable(upTo most: Int) -> String {
    var shown = ""
    for scalar in unicodeScalars.prefix(most) { shown.unicodeScalars.append(scalar.properties.generalCategory == .control ? " " : scalar) }
    return unicodeScalars.count > most ? shown + "..." : shown
  }
}
