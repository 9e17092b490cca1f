/// FNV-1a, 64 bits (Fowler, Noll, Vo; offset basis and prime as published): names become numbers, the same on every machine.
public enum FNV1a {
  /// The hash of a name's UTF-8 bytes.
  public static func hash(_ name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
