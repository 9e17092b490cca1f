internal import Columns

extension ExactScanner {
  /// Gives every page of the inputs its identity: the page identity trace of these memories.
  ///
  /// Threads find a representative of each page, whichever of the equal pages came first to them; a second pass in page order numbers the
  /// representatives by first appearance. So the trace does not depend on the number of threads.
  /// - Throws: if an input has only hashes, by which equality of bytes is not certain, or cannot be read to its end.
  public func identities(of inputs: [MemoryInput], pageSize: Int = 4096) throws(ImageError) -> IdentityTrace {
    let prepared = try PreparedScan(inputs, pageSize: pageSize, threads: threads)
    guard prepared.compared != .fingerprints else {
      throw ImageError(
        inputs.first?.name ?? "", .incompatible, "a trace says which pages have equal bytes; fingerprints cannot tell for certain")
    }
    let index = try ContentIndex(pages: prepared.pages, for: inputs.first?.name ?? "")
    // 0: vanished; 1: a zero page; else the representative's number plus 2.
    let marks = Column<UInt32>(count: prepared.pages)
    var base: UInt32 = 0
    for units in prepared.units {
      try ParallelChunks.forEach(units.count, chunk: max(1, (2 << 20) / units.unitBytes), threads: threads) {
        [base] range throws(ImageError) in
        _ = try prepared.visit(units, range, base: base, index) { unit, content in
          switch content {
          case .zero: marks[Int(base) + unit] = 1
          case .same(let representative, _): marks[Int(base) + unit] = representative + 2
          }
        }
      }
      base += UInt32(units.count)
    }
    try prepared.checkIntact()
    return IdentityTrace(path: "", pageSize: pageSize, guests: Self.number(marks, prepared))
  }

  private static func number(_ marks: borrowing Column<UInt32>, _ prepared: PreparedScan) -> [IdentityTrace.Guest] {
    let numbers = Column<UInt32>(count: prepared.pages)
    var last: UInt32 = 0
    var first = 0
    var guests: [IdentityTrace.Guest] = []
    for units in prepared.units {
      var identities: [UInt32] = []
      identities.reserveCapacity(units.count)
      for page in first..<first + units.count {
        let mark = marks[page]
        if mark == 0 { continue }
        if mark == 1 {
          identities.append(0)
          continue
        }
        let representative = Int(mark - 2)
        if numbers[representative] == 0 {
          last += 1
          numbers[representative] = last
        }
        identities.append(numbers[representative])
      }
      guests.append(IdentityTrace.Guest(name: units.name, identities: identities))
      first += units.count
    }
    return guests
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
