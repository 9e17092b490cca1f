internal import Columns
internal import Synchronization

/// # Page classes: which pages are equal, place by place
///
/// The exact count forgets pages as it passes them. Whoever asks more, which kinds of page share or which pages keep their content, has to
/// know of every page *which* content it holds. So every content gets a number, its class: 0 for zeros, and from 1 in the order in which
/// contents first appear.
///
/// The invariant: *equal classes stand for pages that were found equal*, by whatever the inputs can be compared by, and the numbers depend
/// on the inputs and their order alone: threads find a representative of each page, whichever of the equal ones came first to them, and a
/// second pass in page order numbers the representatives.
///
/// It takes 12 bytes a page more than the count.
public struct PageClasses: Sendable {
  /// The classes of one input.
  public struct Input: Sendable {
    /// The input's name.
    public let name: String
    /// One class a page, in page order; `absent` for a page of a live process that had vanished.
    public let classes: [UInt32]
    /// Pages that repeat a single byte.
    let singleBytePages: UInt64
    /// Bytes that belong to no whole page.
    let bytesLeftOut: UInt64
    /// Pages that had vanished before the pages were numbered at all.
    let vanished: Int
  }

  /// The class of a page that was not there any more when it was to be read.
  public static let absent = UInt32.max

  /// The inputs, in the order given.
  public let inputs: [Input]
  /// What pages were compared by.
  public let compared: ExactScan.Comparison
  /// Bytes in a page.
  public let pageSize: Int
  /// How many classes there are, class 0 included whether a page holds zeros or not.
  public let classCount: Int
  /// Wall time, in seconds.
  let seconds: Double

  /// The exact count of these pages: what `ExactScanner.scan` says of them.
  public var scan: ExactScan {
    let holders = Column<UInt32>(count: classCount)
    var number: UInt32 = 0
    let tallies = inputs.map { input in
      number += 1
      var tally = ExactScanner.Tally()
      tally.count(input.classes, guest: number, holders)
      tally.singleByte = input.singleBytePages
      tally.vanished += UInt64(input.vanished)
      return tally
    }
    let counted = zip(inputs, tallies).map { input, tally in tally.input(input.name, bytesLeftOut: input.bytesLeftOut) }
    return ExactScan(counted, tallies, compared, pageSize: pageSize, seconds: seconds)
  }
}

extension ExactScanner {
  /// Gives every page of the inputs its class.
  /// - Throws: if the inputs cannot be compared, or one of them cannot be read to its end.
  public func classes(of inputs: [MemoryInput], pageSize: Int = 4096) throws(ImageError) -> PageClasses {
    let start = ContinuousClock.now
    let prepared = try PreparedScan(inputs, pageSize: pageSize, threads: threads)
    let index = try ContentIndex(pages: prepared.pages, for: inputs.first?.name ?? "")
    // 0: vanished; 1: a zero page; else the representative's number plus 2.
    let marks = Column<UInt32>(count: prepared.pages)
    var base: UInt32 = 0
    var singleBytes: [UInt64] = []
    for units in prepared.units {
      let singleByte = Atomic<UInt64>(0)
      try ParallelChunks.forEach(units.count, chunk: max(1, (2 << 20) / units.unitBytes), threads: threads) {
        [base] range throws(ImageError) in
        var count: UInt64 = 0
        _ = try prepared.visit(units, range, base: base, index) { unit, content in
          switch content {
          case .zero:
            marks[Int(base) + unit] = 1
            count += 1
          case .same(let representative, _, let isSingleByte):
            marks[Int(base) + unit] = representative + 2
            count += isSingleByte ? 1 : 0
          case .notTaken: break
          }
        }
        singleByte.wrappingAdd(count, ordering: .relaxed)
      }
      singleBytes.append(singleByte.load(ordering: .relaxed))
      base += UInt32(units.count)
    }
    try prepared.checkIntact()
    return Self.number(marks, prepared, singleBytes, pageSize, since: start)
  }

  private static func number(
    _ marks: borrowing Column<UInt32>, _ prepared: PreparedScan, _ singleBytes: [UInt64], _ pageSize: Int,
    since start: ContinuousClock.Instant
  ) -> PageClasses {
    let numbers = Column<UInt32>(count: prepared.pages)
    var last: UInt32 = 0
    var first = 0
    var inputs: [PageClasses.Input] = []
    for (units, singleByte) in zip(prepared.units, singleBytes) {
      var classes: [UInt32] = []
      classes.reserveCapacity(units.count)
      for page in first..<first + units.count {
        let mark = marks[page]
        guard mark > 1 else {
          classes.append(mark == 1 ? 0 : PageClasses.absent)
          continue
        }
        let representative = Int(mark - 2)
        if numbers[representative] == 0 {
          last += 1
          numbers[representative] = last
        }
        classes.append(numbers[representative])
      }
      inputs.append(
        PageClasses.Input(
          name: units.name, classes: classes, singleBytePages: singleByte, bytesLeftOut: units.bytesLeftOut, vanished: units.vanished))
      first += units.count
    }
    return PageClasses(
      inputs: inputs, compared: prepared.compared, pageSize: pageSize, classCount: Int(last) + 1, seconds: start.duration(to: .now).seconds)
  }
}

extension ExactScanner.Tally {
  /// Counts pages by their classes or identities, of which nothing but equality matters.
  /// - Parameters:
  ///   - guest: the guest's number, from 1; guests are counted one after the other.
  ///   - holders: the last guest that held each class, 0 where nobody has yet.
  mutating func count(_ classes: [UInt32], guest: UInt32, _ holders: borrowing Column<UInt32>) {
    pages += UInt64(classes.count)
    for number in classes {
      guard number != 0 else {
        zero += 1
        continue
      }
      guard number != PageClasses.absent else {
        pages -= 1
        vanished += 1
        continue
      }
      let before = holders[Int(number)]
      if before == guest {
        again += 1
        continue
      }
      if before == 0 { new += 1 } else { elsewhere += 1 }
      holders[Int(number)] = guest
    }
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
