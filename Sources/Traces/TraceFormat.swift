/// The formats of recorded access streams: the registry. A case, a decoder in a file of its own, a line in `AccessStreams.stream`, and a
/// rule by which `FormatDetection` knows it.
public enum TraceFormat: String, CaseIterable, Sendable {
  /// What valgrind's lackey prints with `--trace-mem=yes`.
  case lackey
  /// ChampSim's records of 64 bytes, and of 96 bytes in the cloudsuite variant.
  case champsim
  /// DynamoRIO's packed records of 12 bytes.
  case drmemtrace
  /// What Pin's example tool `pinatrace` prints.
  case pinatrace
  /// Comma-separated values with a header.
  case csv
  /// The laboratory's own: access records as words.
  case binary

  /// What it is, in a line.
  public var summary: String {
    switch self {
    case .lackey: "valgrind --tool=lackey --trace-mem=yes: lines such as \" L 1ffeff7e0,8\""
    case .champsim: "ChampSim: records of 64 bytes an instruction, or of 96 bytes (cloudsuite)"
    case .drmemtrace: "DynamoRIO drmemtrace: records of 12 bytes, raw or in a zip of chunk.0000, chunk.0001, ..."
    case .pinatrace: "Pin's pinatrace: lines such as \"0x401000: R 0x7ffe0010\""
    case .csv: "comma-separated values with a header: address, kind, size, process, mode, event, argument"
    case .binary: "memlab's own: a header and an access record of eight bytes each"
    }
  }
}
