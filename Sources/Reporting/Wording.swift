internal import Laboratory

/// How numbers are worded for people: the same on every machine, whatever its locale.
enum Wording {
  /// A number with a fixed count of decimals, rounded to nearest; a dash for what is no number.
  static func fixed(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 0x1p53 else { return value.description }
    let (whole, rest) = UInt64(scaled).quotientAndRemainder(dividingBy: UInt64(scale))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + grouped(whole) }
    let digits = String(rest)
    return sign + grouped(whole) + "." + String(repeating: "0", count: decimals - digits.count) + digits
  }

  /// A count with its digits in groups of three: "31 902", with spaces that do not break.
  static func grouped(_ count: UInt64) -> String {
    let digits = String(count)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += "\u{a0}" }
      text.append(digit)
    }
    return text
  }

  /// An amount of memory in mebibytes, one decimal.
  static func mebibytes(_ bytes: UInt64) -> String { fixed(Double(bytes) / 0x1p20, decimals: 1) }

  /// A part of a whole in percent, one decimal; a dash where there is no whole.
  static func percent(_ part: UInt64, of whole: UInt64) -> String {
    whole == 0 ? "–" : fixed(Double(part) / Double(whole) * 100, decimals: 1) + "\u{a0}%"
  }

  /// Virtual time in seconds, with as many decimals as it has, three at most.
  static func seconds(_ nanoseconds: UInt64) -> String {
    var text = fixed(Double(nanoseconds) / 1e9, decimals: 3)
    while text.hasSuffix("0") { text.removeLast() }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  /// How a machine fares, in words.
  static func name(_ state: VMState) -> String {
    switch state {
    case .running: "running"
    case .stopped: "stopped"
    case .waiting: "not started yet"
    case .shutDown: "shut down"
    }
  }

  /// A text on one line and without control characters, cut to a length.
  static func line(_ text: String, limit: Int) -> String {
    let clean = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    return clean.count > limit ? clean.prefix(limit - 1) + "…" : clean
  }
}
