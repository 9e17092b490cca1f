/// What a memory access does.
@frozen public enum AccessKind: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  /// Reads data.
  case read
  /// Writes data.
  case write
  /// Fetches an instruction.
  case fetch
}
