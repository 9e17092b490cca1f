import Addressing

@testable import PageTables

/// A walk of extended page tables as the Intel SDM tells it in 29.3, sentence by sentence, over words that a closure gives.
struct NaiveEPT {
  var levels = 4
  var modeBasedExecute = false
  var executeOnly = true
  var largePages = true
  var gigabytePages = true
  var keepsAccessedDirty = true
  var physicalAddressBits = 48

  enum Access: CaseIterable {
    case read, write, supervisorFetch, userFetch
    /// A load of a guest's table, and setting A or D there.
    case tableLoad, tableMark
  }

  enum Outcome: Equatable {
    case mapped(UInt64)
    case violation(UInt64)
    case misconfiguration(level: Int)
  }

  /// Walks; what it marks is stored through `store`.
  func walk(
    _ address: UInt64, _ access: Access, root: UInt64, load: (UInt64) -> UInt64, store: (UInt64, UInt64) -> Void
  ) -> Outcome {
    var places: [UInt64] = []
    var entries: [UInt64] = []
    var table = root
    var level = levels
    while true {
      let place = table + (address >> UInt64(12 + 9 * (level - 1))) % 512 * 8
      let entry = load(place)
      places.append(place)
      entries.append(entry)
      if !isPresent(entry) { return .violation(qualification(access, entries)) }
      if isMisconfigured(entry, level) { return .misconfiguration(level: level) }
      if isLeaf(entry, level) { break }
      table = entry & 0x000f_ffff_ffff_f000
      level -= 1
    }
    let needed: [Int]
    switch access {
    case .read: needed = [0]
    case .write: needed = [1]
    case .supervisorFetch: needed = [2]
    case .userFetch: needed = [modeBasedExecute ? 10 : 2]
    case .tableLoad: needed = keepsAccessedDirty ? [0, 1] : [0]
    case .tableMark: needed = [0, 1]
    }
    for bit in needed where entries.contains(where: { $0 >> UInt64(bit) & 1 == 0 }) { return .violation(qualification(access, entries)) }
    if keepsAccessedDirty {
      let isWrite = access == .write || access == .tableLoad || access == .tableMark
      for index in entries.indices {
        let isLast = index == entries.count - 1
        store(places[index], entries[index] | 1 << 8 | (isLast && isWrite ? 1 << 9 : 0))
      }
    }
    let size = UInt64(1) << UInt64(12 + 9 * (level - 1))
    return .mapped((entries[entries.count - 1] & 0x000f_ffff_ffff_f000 & ~(size - 1)) + address % size)
  }

  private func isPresent(_ entry: UInt64) -> Bool { entry & 7 != 0 || (modeBasedExecute && entry >> 10 & 1 == 1) }

  private func isLeaf(_ entry: UInt64, _ level: Int) -> Bool {
    if level == 1 { return true }
    if entry >> 7 & 1 == 0 { return false }
    return level == 2 && largePages || level == 3 && gigabytePages
  }

  private func isMisconfigured(_ entry: UInt64, _ level: Int) -> Bool {
    let (read, write, execute) = (entry & 1 == 1, entry >> 1 & 1 == 1, entry >> 2 & 1 == 1 || (modeBasedExecute && entry >> 10 & 1 == 1))
    if write && !read { return true }
    if execute && !read && !executeOnly { return true }
    for bit in physicalAddressBits..<52 where entry >> UInt64(bit) & 1 == 1 { return true }
    if isLeaf(entry, level) {
      if [2, 3, 7].contains(entry >> 3 & 7) { return true }
      let alignment = level == 1 ? 12..<12 : level == 2 ? 12..<21 : 12..<30
      return alignment.contains { entry >> UInt64($0) & 1 == 1 }
    }
    return (3...7).contains { entry >> UInt64($0) & 1 == 1 }
  }

  private func qualification(_ access: Access, _ entries: [UInt64]) -> UInt64 {
    var result: UInt64 = 1 << 7
    switch access {
    case .read: result |= 1
    case .write: result |= 2
    case .supervisorFetch, .userFetch: result |= 4
    case .tableLoad: result |= keepsAccessedDirty ? 3 : 1
    case .tableMark: result |= 3
    }
    if access != .tableLoad && access != .tableMark { result |= 1 << 8 }
    for bit in 0..<3 as Range<UInt64> where entries.allSatisfy({ $0 >> bit & 1 == 1 }) { result |= 1 << (3 + bit) }
    if modeBasedExecute && entries.allSatisfy({ $0 >> 10 & 1 == 1 }) { result |= 1 << 6 }
    return result
  }
}

extension GuestPhysicalMap {
  /// The access of the naive walk.
  func access(_ access: NaiveEPT.Access, _ ad: Bool) -> NestedAccess {
    switch access {
    case .read: self.access(.read, setsAccessedDirty: ad)
    case .write: self.access(.write, setsAccessedDirty: ad)
    case .supervisorFetch: self.access(.fetch, setsAccessedDirty: ad)
    case .userFetch: self.access(.fetch, setsAccessedDirty: ad, isUserFetch: true)
    case .tableLoad: self.access(.read, for: .guestTable, setsAccessedDirty: ad)
    case .tableMark: self.access(.write, for: .guestTable, setsAccessedDirty: ad)
    }
  }
}
