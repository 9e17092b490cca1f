internal import Traces

/// The source of an access stream, as scenarios name it.
enum StreamSource {
  /// Whether it is a generator.
  static func isGenerator(_ source: String) -> Bool { source.hasPrefix(GeneratorKind.prefix) }

  /// What is wrong with a source, nil where nothing is: a generator has a name and parameters that exist, a recording a file.
  static func problem(_ source: String, fileExists: (String) -> Bool) -> String? {
    guard isGenerator(source) else {
      if source == "-" { return "a scenario cannot read an access stream from standard input" }
      return fileExists(source) ? nil : "there is no file \"\(source.quotable)\""
    }
    do throws(TraceError) { _ = try AccessStreams.open(source) } catch { return error.problem.quotable(upTo: 300) }
    return nil
  }
}
