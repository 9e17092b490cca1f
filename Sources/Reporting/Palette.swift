/// The colours of all figures: those of Okabe and Ito ("Color Universal Design", 2008), which people with any common kind of colour
/// blindness can tell apart, and greys.
enum Palette {
  static let orange = "#E69F00"
  static let sky = "#56B4E9"
  static let green = "#009E73"
  static let blue = "#0072B2"
  static let vermillion = "#D55E00"
  static let purple = "#CC79A7"
  static let yellow = "#F0E442"
  static let black = "#1B2127"
  static let ink = "#333C46"
  static let grid = "#DDE2E8"
  static let free = "#E6EAEE"

  private static let machines = [blue, vermillion, green, purple, orange, sky, black]

  /// The colour of a virtual machine by its place in the scenario.
  static func machine(_ index: Int) -> String { machines[index % machines.count] }

  /// Its kind of line, another when the colours begin anew: a gnuplot dash type.
  static func dash(_ index: Int) -> String { ["solid", "(5,3)", "(1.5,2)", "(6,2,1.5,2)"][index / machines.count % 4] }
}
