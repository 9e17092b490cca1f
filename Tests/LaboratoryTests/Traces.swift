@testable import RAMImages

extension Plans {
  /// What the recorded guests were recorded from.
  static func trace(pageSize: Int = 4096) -> IdentityTrace {
    let guests = ["one", "two"].enumerated().map { index, name in
      IdentityTrace.Guest(name: name, identities: (0..<2048).map { $0 % 4 == 0 ? 0 : UInt32(1 + $0 / 2 + index * 512) })
    }
    return IdentityTrace(path: "two.pit", pageSize: pageSize, guests: guests)
  }
}
