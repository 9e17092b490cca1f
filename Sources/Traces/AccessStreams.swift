internal import Addressing

/// Opens access streams by what the user wrote.
public enum AccessStreams {
  /// Opens a stream.
  /// - Parameters:
  ///   - source: a path; `-` for standard input; or `gen:NAME[:key=value,...]`, a generator and its parameters.
  ///   - format: the recording's format; nil to tell it by its content. Compression is always told by the content.
  ///   - limit: after how many accesses the stream ends at the latest; nil for never. Events do not count.
  /// - Throws: why it cannot be opened; what is wrong further inside is thrown by `fill`.
  public static func open(_ source: String, format: TraceFormat? = nil, limit: UInt64? = nil) throws(TraceError) -> any AccessStream {
    if source.hasPrefix(GeneratorKind.prefix) { return try GeneratorKind.open(source, limit: limit) }
    throw TraceError(source, .unsupported, "recordings are not read yet")
  }
}
