internal import Files

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
    let name = source == "-" ? "standard input" : source
    do throws(DecodingProblem) {
      let file = try open(source)
      return try stream(name, file, format, limit: limit ?? .max)
    } catch {
      throw TraceError(name, error.kind, at: error.place, error.text, line: error.line)
    }
  }

  /// Opens a file and reads as much of it as tells its format.
  private static func open(_ path: String) throws(DecodingProblem) -> StreamedFile {
    do throws(StreamedFileError) {
      let file = try StreamedFile(path)
      while file.count < FormatDetection.reach {
        // What can be read before a damaged place is delivered first: reading on gives the same failure.
        do throws(StreamedFileError) {
          guard try file.more() else { break }
        } catch {
          if file.count == 0 { throw error }
          break
        }
      }
      return file
    } catch {
      throw DecodingProblem(error)
    }
  }

  private static func stream(_ name: String, _ file: StreamedFile, _ format: TraceFormat?, limit: UInt64) throws(DecodingProblem)
    -> any AccessStream
  {
    guard file.count > 0 else { throw DecodingProblem(kind: .empty, place: .whole, text: "the input holds nothing") }
    switch try found(file, format) {
    case .text(.lackey): return RecordedStream(name, file, LackeyGrammar(), limit: limit)
    case .text(.pinatrace): return RecordedStream(name, file, PinatraceGrammar(), limit: limit)
    case .text: return RecordedStream(name, file, CSVGrammar(), limit: limit)
    case .drmemtrace: return RecordedStream(name, file, DrmemtraceDecoder(), limit: limit)
    case .binary: return RecordedStream(name, file, BinaryDecoder(), limit: limit)
    case .champsim(let layout): return RecordedStream(name, file, ChampSimDecoder(layout), limit: limit)
    }
  }

  private static func found(_ file: StreamedFile, _ format: TraceFormat?) throws(DecodingProblem) -> FormatDetection.Found {
    switch format {
    case .lackey, .pinatrace, .csv: return .text(format ?? .csv)
    case .drmemtrace: return .drmemtrace
    case .binary: return .binary
    case .champsim:
      // A file whose first record is wrong is read as what is more usual, and the error says where.
      return .champsim(file.withWindow { bytes, count in FormatDetection.champsim(bytes, count) } ?? .plain)
    case nil:
      guard let found = file.withWindow({ bytes, count in FormatDetection.find(bytes, count) }) else {
        let known = TraceFormat.allCases.map(\.rawValue).joined(separator: ", ")
        throw DecodingProblem(kind: .unsupported, place: .whole, text: "the content is in no known format of traces; known here: \(known)")
      }
      return found
    }
  }
}
