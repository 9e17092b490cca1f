public import Columns

/// What stays the same while a program runs: the machine and how it is set up.
public struct FuzzSetup: Hashable, Sendable {
  /// Levels of the guest's tables.
  public var levels = 4
  /// Levels of the guest-physical map.
  public var mapLevels = 4
  /// CR4.PCIDE.
  public var pcids = false
  /// Whether the guest sets G in entries. Where it does, it drops everything when it goes to another root table.
  public var globals = false
  /// Whether the processor has VPIDs.
  public var usesVPID = true
  /// Which halves of the guest's memory begin as large leaves of the map: bit 0 the lower 2 MiB, bit 1 the upper.
  public var huge = 0
  /// The most shadow pages that may exist.
  public var shadowPages = 300
  /// Host frames for shadow tables.
  public var shadowFrames = 400
  /// The TLB's geometry.
  public var tlb = FuzzSetup.geometries[0]
  /// Whether the detector of stale translations compares each access. Where it does, batches are translated one access at a time.
  public var isWatched = true
  /// The ways of paging that are compared.
  public var ways = FuzzWay.allCases

  /// Whether direct paging takes part: then the guest keeps to what a paravirtual one may do.
  var isParavirtual: Bool { ways.contains(.direct) }

  /// Four levels, no PCIDs, a small TLB without walk caches.
  public init() {}

  /// Small TLBs, in which entries are replaced often, and one in which none ever is; with and without walk caches.
  static let geometries = [
    "l1i=4x2,l1d=8x4,l2=32x4",
    "l1i=4x2,l1d=8x4,l2=32x4,pml5e=2x2,pml4e=2x2,pdpte=2x2,pde=4x2,epml5e=2x2,epml4e=2x2,epdpte=2x2,epde=2x2,ntlb=4x2",
    "l1=64x64,l2=512x512,pml5e=16,pml4e=16,pdpte=16,pde=32,epml5e=16,epml4e=16,epdpte=16,epde=16,ntlb=64",
    "l1i-4k=4x4,l1i-2m=2x2,l1d-4k=8x2,l1d-2m=4x4,l1d-1g=2x2,l2-4k+2m=32x4,l2-1g=4x4,policy=plru",
    "l1=1x1", "l1i=4x2,l1d=8x4,l2=64x4,pde=8,ntlb=8,policy=random", "l1=4x4,l2=16x4,pml4e=2,pdpte=2,pde=2,policy=fifo",
  ]

  /// A setup drawn at random. A third of them are for direct paging too.
  public init(_ random: inout RandomStream, ways: [FuzzWay]) {
    let others = ways.filter { $0 != .direct }
    self.ways = others.isEmpty || random.oneIn(3) ? ways : others
    levels = random.oneIn(3) ? 5 : 4
    mapLevels = random.oneIn(4) ? 5 : 4
    pcids = random.oneIn(2) && !isParavirtual
    globals = random.oneIn(3)
    usesVPID = !random.oneIn(3)
    isWatched = random.oneIn(2)
    huge = random.oneIn(2) ? 0 : random.index(below: 4)
    shadowPages = random.oneIn(5) ? 6 + random.index(below: 8) : 300
    shadowFrames = random.oneIn(8) ? 2 + random.index(below: 12) : 400
    tlb = Self.geometries[random.index(below: Self.geometries.count)]
  }
}

extension FuzzSetup: CustomStringConvertible {
  /// "setup levels=4 map=4 pcids=0 ...": `init(parsing:)` reads it back.
  public var description: String {
    let numbers = Self.numbers.map { "\($0.name)=\(self[keyPath: $0.path])" }
    let flags = Self.flags.map { "\($0.name)=\(self[keyPath: $0.path] ? 1 : 0)" }
    return (["setup"] + numbers + flags + ["tlb=\(tlb)", "ways=\(ways.map(\.rawValue).joined(separator: "+"))"]).joined(separator: " ")
  }

  static let numbers: [(name: String, path: any WritableKeyPath<FuzzSetup, Int> & Sendable)] = [
    ("levels", \.levels), ("map", \.mapLevels), ("huge", \.huge), ("pages", \.shadowPages), ("frames", \.shadowFrames),
  ]
  static let flags: [(name: String, path: any WritableKeyPath<FuzzSetup, Bool> & Sendable)] = [
    ("pcids", \.pcids), ("globals", \.globals), ("vpid", \.usesVPID), ("watch", \.isWatched),
  ]

  /// Reads a line; nil where it is none.
  init?(parsing line: Substring) {
    var words = line.split(separator: " ")
    guard words.first == "setup" else { return nil }
    words.removeFirst()
    for word in words {
      let sides = word.split(separator: "=", maxSplits: 1)
      guard sides.count == 2 else { return nil }
      let (name, value) = (String(sides[0]), String(sides[1]))
      if name == "tlb" {
        tlb = value
      } else if name == "ways" {
        let ways = value.split(separator: "+").compactMap { FuzzWay(rawValue: String($0)) }
        self.ways = ways
      } else if let number = Self.numbers.first(where: { $0.name == name }), let parsed = Int(value) {
        self[keyPath: number.path] = parsed
      } else if let flag = Self.flags.first(where: { $0.name == name }) {
        self[keyPath: flag.path] = value == "1"
      } else {
        return nil
      }
    }
  }
}
