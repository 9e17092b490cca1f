/// The unit that a quantity is drawn in, chosen by its greatest value.
struct Axis {
  /// What the axis says.
  let label: String
  /// What a value is divided by.
  let scale: Double

  /// The divisor as gnuplot reads it, never as an integer.
  var divisor: String { scale.description }

  /// Virtual time.
  static func time(until nanoseconds: UInt64) -> Axis {
    switch nanoseconds {
    case ..<1_000_000_000: Axis(label: "Virtual time (ms)", scale: 1e6)
    case ..<1_200_000_000_000: Axis(label: "Virtual time (s)", scale: 1e9)
    case ..<14_400_000_000_000: Axis(label: "Virtual time (min)", scale: 60e9)
    default: Axis(label: "Virtual time (h)", scale: 3600e9)
    }
  }

  /// Memory in bytes.
  static func memory(_ what: String, upTo bytes: Double) -> Axis {
    switch bytes {
    case ..<0x1p21: Axis(label: "\(what) (KiB)", scale: 0x1p10)
    case ..<0x1p32: Axis(label: "\(what) (MiB)", scale: 0x1p20)
    case ..<0x1p42: Axis(label: "\(what) (GiB)", scale: 0x1p30)
    default: Axis(label: "\(what) (TiB)", scale: 0x1p40)
    }
  }

  /// Memory in pages.
  static func pages(_ what: String, upTo pages: Double, of bytes: UInt64) -> Axis {
    let axis = memory(what, upTo: pages * Double(bytes))
    return Axis(label: axis.label, scale: axis.scale / Double(bytes))
  }

  /// A round step, 1, 2 or 5 times a power of ten, that divides 0...peak into at most `count` parts.
  static func step(upTo peak: Double, count: Double) -> Double {
    guard peak > 0, peak.isFinite else { return 1 }
    var power = 1.0
    while power * count < peak { power *= 10 }
    while power / 10 * count >= peak, power > 1e-6 { power /= 10 }
    // Now a tenth of the power is too small and the power is enough.
    for factor in [0.2, 0.5] where power * factor * count >= peak { return power * factor }
    return power
  }
}
