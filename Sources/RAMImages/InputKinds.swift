internal import PageSharing

/// Which inputs can be compared with each other, and by what.
///
/// Bytes can be compared with bytes. Fingerprints can be compared with fingerprints, and with bytes, which are hashed for it. Identities
/// can be compared inside their own trace only.
enum InputKinds {
  /// What all of the inputs have, and can therefore be compared by.
  static func comparison(of inputs: [MemoryInput], pageSize: Int) throws(ImageError) -> ExactScan.Comparison {
    var traces: [String] = []
    var fingerprints: (name: String, pageSize: Int)?
    var bytes: String?
    for input in inputs {
      switch input.contents {
      case .identities(let trace, _, _): if !traces.contains(trace) { traces.append(trace) }
      case .fingerprints(let recorded, _): if fingerprints == nil || recorded != pageSize { fingerprints = (input.name, recorded) }
      case .image, .process: bytes = input.name
      }
    }
    if let trace = traces.first {
      if traces.count > 1 {
        let problem =
          "identities mean nothing outside their file, so it cannot be compared with \(trace); fingerprints (.mfp) can be compared"
        throw ImageError(traces[1], .incompatible, problem)
      }
      if let other = bytes ?? fingerprints?.name {
        throw ImageError(trace, .incompatible, "identities mean nothing outside their file, so it cannot be compared with \(other)")
      }
      return .identities
    }
    guard let fingerprints else { return .bytes }
    if let bytes, fingerprints.pageSize != pageSize {
      let problem =
        "it has fingerprints of pages of \(fingerprints.pageSize) bytes: \(bytes) can be compared with it by pages of that size only"
      throw ImageError(fingerprints.name, .incompatible, problem)
    }
    return .fingerprints
  }

  /// The units of one input.
  static func units(of input: MemoryInput, _ compared: ExactScan.Comparison, pageSize: Int, threads: Int) throws(ImageError) -> ScanUnits {
    let units: ScanUnits
    switch input.contents {
    case .identities(let trace, let recorded, let identities):
      return ScanUnits(input.name, identities, each: try pages(of: recorded, in: pageSize, trace), recordedPageSize: recorded)
    case .fingerprints(let recorded, let fingerprints):
      let each = try pages(of: recorded, in: pageSize, input.name)
      return ScanUnits(input.name, zeroed(fingerprints, recorded), each: each, recordedPageSize: recorded)
    case .image(let image): units = ScanUnits(input.name, image, unitBytes: pageSize)
    case .process(let process):
      _ = try pages(of: process.pageSize, in: pageSize, input.name)
      units = ScanUnits(process, unitBytes: pageSize)
    }
    guard compared == .fingerprints else { return units }
    let hashed = try PageFingerprints(of: units, threads: threads)
    return ScanUnits(input.name, zeroed(hashed.values, pageSize), each: 1, recordedPageSize: pageSize, vanished: hashed.vanished)
  }

  /// How many recorded pages make one of the size asked for.
  private static func pages(of recorded: Int, in pageSize: Int, _ name: String) throws(ImageError) -> Int {
    guard pageSize.isMultiple(of: recorded) else {
      throw ImageError(name, .incompatible, "it has pages of \(recorded) bytes, which cannot be counted as pages of \(pageSize)")
    }
    return pageSize / recorded
  }

  /// Puts 0 for the fingerprint of a zero page, so that a zero unit is one of zero bytes for all kinds of input.
  private static func zeroed(_ fingerprints: [UInt128], _ pageSize: Int) -> [UInt128] {
    let zero = FingerprintFile.zeroFingerprint(pageSize: pageSize)
    return fingerprints.map { $0 == zero ? 0 : $0 }
  }
}
