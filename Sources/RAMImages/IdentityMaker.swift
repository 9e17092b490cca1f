extension ExactScanner {
  /// Gives every page of the inputs its identity: the page identity trace of these memories, without pages that have vanished.
  /// - Throws: if an input has only hashes, by which equality of bytes is not certain, or cannot be read to its end.
  public func identities(of inputs: [MemoryInput], pageSize: Int = 4096) throws(ImageError) -> IdentityTrace {
    guard try InputKinds.comparison(of: inputs, pageSize: pageSize) != .fingerprints else {
      throw ImageError(
        inputs.first?.name ?? "", .incompatible, "a trace says which pages have equal bytes; fingerprints cannot tell for certain")
    }
    let guests = try classes(of: inputs, pageSize: pageSize).inputs.map { input in
      IdentityTrace.Guest(name: input.name, identities: input.classes.filter { $0 != PageClasses.absent })
    }
    return IdentityTrace(path: "", pageSize: pageSize, guests: guests)
  }

  /// Hashes every page of the inputs: fingerprints that can be compared across files and machines.
  /// - Throws: if an input has identities only, or cannot be read to its end.
  public func fingerprints(of inputs: [MemoryInput], pageSize: Int = 4096) throws(ImageError) -> FingerprintFile {
    var guests: [FingerprintFile.Guest] = []
    for input in inputs {
      switch input.contents {
      case .identities(let trace, _, _):
        throw ImageError(trace, .incompatible, "it records which pages are equal, not what they hold: nothing can be hashed")
      case .fingerprints(let recorded, let values):
        guard recorded == pageSize else {
          throw ImageError(input.name, .incompatible, "it has fingerprints of pages of \(recorded) bytes, not of \(pageSize)")
        }
        guests.append(FingerprintFile.Guest(name: input.name, fingerprints: values))
      case .image, .process:
        let units = try InputKinds.units(of: input, .bytes, pageSize: pageSize, threads: threads)
        guests.append(FingerprintFile.Guest(name: input.name, fingerprints: try PageFingerprints(of: units, threads: threads).values))
      }
    }
    return FingerprintFile(path: "", pageSize: pageSize, guests: guests)
  }
}
