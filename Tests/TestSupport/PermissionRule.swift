/// What a processor answers to a combination, spelled out step by step: the naive twin of walks and checks.
public struct PermissionRule: Sendable {
  /// EFER.NXE.
  public var nxe = true
  /// CR0.WP.
  public var wp = true
  /// CR4.SMEP.
  public var smep = false
  /// CR4.SMAP and not EFLAGS.AC.
  public var smap = false
  /// CR4.PKE.
  public var pke = false
  /// PKRU.
  public var pkru: UInt32 = 0
  /// MAXPHYADDR.
  public var physicalAddressBits = 36

  /// A processor with NXE and WP.
  public init() {}

  /// The processor of a combination.
  public init(_ combination: PermissionCase) {
    nxe = combination.has(PermissionCase.nxe)
    wp = combination.has(PermissionCase.wp)
    smep = combination.has(PermissionCase.smep)
    pke = combination.has(PermissionCase.pke)
    pkru = combination.pkru
  }

  /// One access through entries from the top level down to the leaf: that of level 1, or one of level 2 or 3 with bit 7 set. A and D are
  /// set in them if it passes.
  /// - Returns: nil, or the error code of the page fault.
  public func access(_ entries: inout [UInt64], kind: UInt8, isUser: Bool, levels: Int = 4) -> UInt32? {
    let isWrite = kind == 1
    let isFetch = kind == 2
    var error: UInt32 = 0
    if isWrite { error |= 2 }
    if isUser { error |= 4 }
    if isFetch && (nxe || smep) { error |= 16 }
    var user = true
    var write = true
    var execute = true
    for (depth, entry) in entries.enumerated() {
      if entry & 1 == 0 { return error }
      if isReserved(entry, level: levels - depth) { return error | 1 | 8 }
      if entry & 4 == 0 { user = false }
      if entry & 2 == 0 { write = false }
      if entry >> 63 == 1 { execute = false }
    }
    var isRefused = false
    let isExcused = !isUser && !wp
    if isUser && !user { isRefused = true }
    if isWrite && !write && !isExcused { isRefused = true }
    if isFetch && !execute { isRefused = true }
    if isFetch && !isUser && user && smep { isRefused = true }
    if !isFetch && !isUser && user && smap { isRefused = true }
    if user && !isFetch && pke {
      let key = entries[entries.count - 1] >> 59 & 15
      let isAccessDisabled = pkru >> (2 * UInt32(key)) & 1 == 1
      let isWriteDisabled = pkru >> (2 * UInt32(key) + 1) & 1 == 1
      if isAccessDisabled || (isWriteDisabled && isWrite && !isExcused) {
        isRefused = true
        error |= 32
      }
    }
    if isRefused { return error | 1 }
    for depth in entries.indices { entries[depth] |= 1 << 5 }
    if isWrite { entries[entries.count - 1] |= 1 << 6 }
    return nil
  }

  private func isReserved(_ entry: UInt64, level: Int) -> Bool {
    if !nxe && entry >> 63 == 1 { return true }
    for bit in physicalAddressBits..<52 where entry >> UInt64(bit) & 1 == 1 { return true }
    guard entry >> 7 & 1 == 1 else { return false }
    switch level {
    case 1: return false
    case 2: return (13..<21).contains { entry >> UInt64($0) & 1 == 1 }
    case 3: return (13..<30).contains { entry >> UInt64($0) & 1 == 1 }
    default: return true
    }
  }
}
