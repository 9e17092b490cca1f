internal import Addressing
internal import PageTables
internal import TestSupport
internal import Translation
internal import TranslationCaching

/// A guest with one page that goes through combinations of the bits that decide about accesses, in one way of paging.
///
/// A direct guest may not have all of them. Its processor has WP and NXE set, whatever it asks for, and the hypervisor must refuse a large
/// page and reserved bits in a present entry. Where either is so, that it is so is what is checked; the other combinations go as in every
/// way of paging.
public struct PermissionGuest {
  private let rig: FuzzRig
  /// Level 2's entry can map the 2 MiB from frame 512, whose page this address selects; level 1's maps frame 40.
  private let address = GuestVirtualAddress(0x12_3456_7000)
  private let enumeration = PermissionEnumeration()

  /// A guest that maps nothing.
  /// - Throws: never for a reason of the way's.
  public init(_ way: FuzzWay) throws {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let kind = way == .direct ? ParavirtualRig.self : FuzzRig.self
    var setup = FuzzSetup()
    setup.isWatched = false
    rig = try kind.init(way, setup, tlb: tlb, vpid: 1) { $0 }
    _ = rig.store(X86Entry.table(GuestFrame(1 as UInt64)).with(X86Entry.accessed).rawValue, place(4))
  }

  private func place(_ level: Int) -> GuestPhysicalAddress {
    X86Index.entryAddress(in: GuestFrame(UInt64(4 - level)).address, of: address, level: level)
  }

  /// Goes through combinations by their numbers.
  /// - Returns: how many were made, how many of them are rightly refused to a direct guest, and the first that differs, with how.
  public func check(_ numbers: StrideTo<Int>) -> (count: Int, refused: Int, difference: String?) {
    var (count, refused) = (0, 0)
    for number in numbers {
      count += 1
      switch answer(enumeration[number]) {
      case .right: break
      case .rightlyRefused: refused += 1
      case .wrong(let text): return (count, refused, "combination \(number): \(text)")
      }
    }
    return (count, refused, nil)
  }

  /// Gives everything back.
  /// - Returns: whether there was nothing to give that is not the rig's.
  public func finish() -> Bool {
    rig.translator.destroy()
    return rig.frames.used == 0
  }

  private func controls(_ combination: PermissionCase) -> X86Controls {
    var controls = X86Controls()
    controls.noExecute = combination.has(PermissionCase.nxe)
    controls.writeProtect = combination.has(PermissionCase.wp)
    controls.smep = combination.has(PermissionCase.smep)
    controls.protectionKeys = combination.has(PermissionCase.pke)
    controls.pkru = combination.pkru
    controls.physicalAddressBits = 36
    return controls
  }

  private enum Answer {
    case right
    case rightlyRefused
    case wrong(String)
  }

  private func answer(_ combination: PermissionCase) -> Answer {
    rig.translator.setControls(controls(combination))
    var words = [rig.load(place(4)), combination.pdpte(2)]
    words.append(combination.pde(combination.has(PermissionCase.pse) ? 512 : 3))
    if combination.leafLevel == 1 { words.append(combination.pte(40)) }
    if let rig = rig as? ParavirtualRig {
      let answer = offer(words, combination, rig)
      guard case .right = answer else { return answer }
    } else {
      for index in words.indices where rig.load(place(4 - index)) != words[index] { _ = rig.store(words[index], place(4 - index)) }
    }
    rig.translator.loadCR3(GuestPhysicalAddress(0))
    let rule = PermissionRule(combination)
    if combination.isTwice, let wrong = access(.read, isUser: false, rule, &words) { return .wrong("first, \(wrong)") }
    guard let kind = AccessKind(rawValue: combination.kind) else { return .wrong("no such access") }
    return access(kind, isUser: combination.isUser, rule, &words).map { .wrong($0) } ?? .right
  }

  // MARK: Direct paging

  /// Asks the hypervisor for entries, those below a level-2 entry first.
  private func offer(_ words: [UInt64], _ combination: PermissionCase, _ rig: ParavirtualRig) -> Answer {
    let inForce = rig.translator.controls
    guard inForce.writeProtect && inForce.noExecute else { return .wrong("the hypervisor lets go of WP or NXE") }
    guard combination.has(PermissionCase.wp) && combination.has(PermissionCase.nxe) else { return .rightlyRefused }
    let pteReserved = PermissionCase.pte51 | PermissionCase.pte36
    let pdeReserved = PermissionCase.pse | PermissionCase.pde51 | PermissionCase.pde36
    let isPTELegal = !combination.has(PermissionCase.pteP) || !combination.has(pteReserved)
    let isLegal = !combination.has(PermissionCase.pdeP) || (!combination.has(pdeReserved) && isPTELegal)
    // Out of reach of any table a frame holds what the kernel likes.
    var isTaken = rig.store(word: 0, place(2))
    for level in 1...3 where 4 - level < words.count {
      isTaken = rig.store(word: rig.machineWord(words[4 - level]), place(level)) && isTaken
    }
    if isTaken != isLegal { return .wrong("entries that are \(isLegal ? "" : "not ")legal are \(isTaken ? "taken" : "refused")") }
    return isTaken ? .right : .rightlyRefused
  }

  // MARK: Accesses

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
