extension UInt64 {
  /// A computed amount as whole bytes: its fraction cut off, negative amounts and not-a-number 0, amounts beyond 2^64 the largest number.
  init(bytes amount: Double) {
    // The largest double below 2^64; the next one, 2^64 itself, would not fit.
    if amount >= 0x1p64 { self = .max } else if amount > 0 { self = UInt64(amount) } else { self = 0 }
  }
}

extension Int128 {
  /// A computed change as whole bytes, cut off toward zero and held within 2^64 either way.
  init(bytes change: Double) { self = change < 0 ? -Int128(UInt64(bytes: -change)) : Int128(UInt64(bytes: change)) }
}
