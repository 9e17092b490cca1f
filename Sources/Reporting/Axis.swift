/// The unit that a quantity is drawn in, chosen by its greatest value.
struct Axis {
  /// What the axis says.
  let label: String
  /// What a value is divided by, a number as gnuplot writes it.
  let divisor: String

  /// Virtual time.
  static func time(until nanoseconds: UInt64) -> Axis {
    switch nanoseconds {
    case ..<1_000_000_000: Axis(label: "Virtual time (ms)", divisor: "1e6")
    case ..<1_200_000_000_000: Axis(label: "Virtual time (s)", divisor: "1e9")
    case ..<14_400_000_000_000: Axis(label: "Virtual time (min)", divisor: "60e9")
    default: Axis(label: "Virtual time (h)", divisor: "3600e9")
    }
  }

  /// Memory in bytes.
  static func memory(_ what: String, upTo bytes: Double) -> Axis {
    switch bytes {
    case ..<0x1p21: Axis(label: "\(what) (KiB)", divisor: "1024.0")
    case ..<0x1p32: Axis(label: "\(what) (MiB)", divisor: "1048576.0")
    case ..<0x1p42: Axis(label: "\(what) (GiB)", divisor: "1073741824.0")
    default: Axis(label: "\(what) (TiB)", divisor: "1099511627776.0")
    }
  }
}
