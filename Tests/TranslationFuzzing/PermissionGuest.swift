internal import Addressing
internal import PageTables
internal import TestSupport
internal import Translation
internal import TranslationCaching

/// A guest with one page that goes through combinations of the bits that decide about accesses, in one way of paging.
public struct PermissionGuest {
  private let rig: FuzzRig
  /// Level 2's entry can map the 2 MiB from frame 512, whose page this address selects; level 1's maps frame 40.
  private let address = GuestVirtualAddress(0x12_3456_7000)
  private let enumeration = PermissionEnumeration()

  /// A guest that maps nothing.
  /// - Throws: never for a reason of the way's.
  public init(_ way: FuzzWay) throws {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    rig = try FuzzRig(way, FuzzSetup(), tlb: tlb, vpid: 1, isWatched: false) { $0 }
    rig.store(X86Entry.table(GuestFrame(1 as UInt64)).with(X86Entry.accessed).rawValue, place(4))
  }

  private func place(_ level: Int) -> GuestPhysicalAddress {
    X86Index.entryAddress(in: GuestFrame(UInt64(4 - level)).address, of: address, level: level)
  }

  /// Goes through combinations by their numbers.
  /// - Returns: how many were made, and the first that differs from the rule, with how.
  public func check(_ numbers: StrideTo<Int>) -> (count: Int, difference: String?) {
    var count = 0
    for number in numbers {
      count += 1
      if let difference = difference(enumeration[number]) { return (count, "combination \(number): \(difference)") }
    }
    return (count, nil)
  }

  /// Gives everything back.
  /// - Returns: whether there was nothing to give that is not the rig's.
  public func finish() -> Bool {
    rig.translator.destroy()
    return rig.frames.used == 0
  }

  private func difference(_ combination: PermissionCase) -> String? {
    var controls = X86Controls()
    controls.noExecute = combination.has(PermissionCase.nxe)
    controls.writeProtect = combination.has(PermissionCase.wp)
    controls.smep = combination.has(PermissionCase.smep)
    controls.protectionKeys = combination.has(PermissionCase.pke)
    controls.pkru = combination.pkru
    controls.physicalAddressBits = 36
    let levels = 5 - combination.leafLevel
    var words = [rig.load(place(4)), combination.pdpte(2)]
    words.append(combination.pde(combination.has(PermissionCase.pse) ? 512 : 3))
    if combination.leafLevel == 1 { words.append(combination.pte(40)) }
    for index in 1..<levels where rig.load(place(4 - index)) != words[index] { rig.store(words[index], place(4 - index)) }
    rig.translator.setControls(controls)
    rig.translator.loadCR3(GuestPhysicalAddress(0))
    let rule = PermissionRule(combination)
    if combination.isTwice, let wrong = access(.read, isUser: false, rule, &words) { return "first, \(wrong)" }
    guard let kind = AccessKind(rawValue: combination.kind) else { return "no such access" }
    return access(kind, isUser: combination.isUser, rule, &words)
  }

  private func access(_ kind: AccessKind, isUser: Bool, _ rule: PermissionRule, _ words: inout [UInt64]) -> String? {
    let expected = rule.access(&words, kind: kind.rawValue, isUser: isUser)
    let outcome = rig.access(address, kind, isUser ? .user : .supervisor)
    let page = GuestFrame(words.count == 3 ? 512 + 0x167 : 40 as UInt64)
    let right: TranslationOutcome =
      expected.map { .guestFault(PageFaultErrorCode(rawValue: $0)) } ?? .mapped(rig.hostFrame(page).address)
    if outcome != right { return "\(kind) gives \(String(describing: outcome)), should be \(right)" }
    for index in words.indices where rig.load(place(4 - index)) != words[index] {
      return "\(kind) leaves \(FuzzStep.hex(rig.load(place(4 - index)))) at level \(4 - index), should be \(FuzzStep.hex(words[index]))"
    }
    return nil
  }
}
