import Addressing
import Foundation
import PageTables
import TestSupport
import Testing
import TranslationCaching

@testable import Translation

/// A guest with one page that goes through combinations of the bits that decide about accesses, under any translator.
struct PermissionGuest {
  let rig: GuestRig
  /// Level 2's entry can map the 2 MiB from frame 512, whose page this address selects; level 1's maps frame 40.
  private let address = GuestVirtualAddress(0x12_3456_7000)

  init(_ mode: PagingMode, _ options: PagingOptions, vpid: UInt16) throws {
    rig = try GuestRig(mode, options, tlb: TLBHierarchy(TLBPreset.golden.geometry), vpid: vpid)
    rig.store(X86Entry.table(GuestFrame(1 as UInt64)).with(X86Entry.accessed).rawValue, place(4))
  }

  private func place(_ level: Int) -> GuestPhysicalAddress {
    X86Index.entryAddress(in: GuestFrame(4 - level).address, of: address, level: level)
  }

  /// Sets the guest up for a combination and makes its accesses.
  /// - Returns: nil where outcome and entries are as the rule says, else what differs.
  func difference(_ combination: PermissionCase) -> String? {
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
    for index in 1..<levels { rig.store(words[index], place(4 - index)) }
    rig.translator.setControls(controls)
    rig.loadCR3(GuestPhysicalAddress(0))
    let rule = PermissionRule(combination)
    if combination.isTwice, let wrong = access(.read, isUser: false, rule, &words) { return "first, \(wrong)" }
    guard let kind = AccessKind(rawValue: combination.kind) else { return "no such access" }
    return access(kind, isUser: combination.isUser, rule, &words)
  }

  private func access(_ kind: AccessKind, isUser: Bool, _ rule: PermissionRule, _ words: inout [UInt64]) -> String? {
    let expected = rule.access(&words, kind: kind.rawValue, isUser: isUser)
    let outcome = rig.access(address, kind, isUser ? .user : .supervisor)
    let page = GuestFrame(words.count == 3 ? 512 + 0x167 : 40)
    let right: TranslationOutcome =
      expected.map { .guestFault(PageFaultErrorCode(rawValue: $0)) } ?? .mapped(rig.hostFrame(page).address)
    if outcome != right { return "\(kind) gives \(outcome), should be \(right)" }
    let held = words.indices.map { rig.load(place(4 - $0)) }
    return held == words ? nil : "\(kind) leaves \(held), should be \(words)"
  }
}

@Suite struct PermissionTests {
  /// Every so many combinations, best an odd number. MEMLAB_PERMISSION_STRIDE=1 goes through all of them, for which a release build takes minutes.
  static let stride: Int = {
    if let text = ProcessInfo.processInfo.environment["MEMLAB_PERMISSION_STRIDE"], let stride = Int(text), stride > 0 { return stride }
    #if DEBUG
      return 9001
    #else
      return 61
    #endif
  }()

  /// Every way of paging that a guest cannot tell from hardware.
  static let ways: [(name: String, mode: PagingMode, options: PagingOptions)] = {
    func way(_ name: String, _ mode: PagingMode, _ set: (inout PagingOptions) -> Void = { _ in }) -> (String, PagingMode, PagingOptions) {
      var options = PagingOptions()
      set(&options)
      return (name, mode, options)
    }
    return [
      way("native", .native), way("nested", .nested), way("nested without A and D", .nested) { $0.eptAccessedDirty = false },
      way("shadow in step", .shadow) { $0.unsync = .none }, way("shadow as KVM", .shadow),
      way("shadow as Xen", .shadow) {
        $0.unsync = .xen
        $0.prefetch = .xen
      },
      way("agile", .agile) {
        $0.unsync = .none
        $0.agileInterval = 50
      },
      way("agile, fully nested", .agile) { $0.agileWarmUp = .max },
    ]
  }()

  @Test(
    "Outcome, error code and the guest's A and D bits are those of the rule, for the combinations of the public access test, in every mode",
    arguments: ways.indices)
  func combinations(way: Int) throws {
    let (name, mode, options) = Self.ways[way]
    let guest = try PermissionGuest(mode, options, vpid: 1)
    for number in Swift.stride(from: 0, to: PermissionEnumeration.count, by: Self.stride) {
      guard let difference = guest.difference(PermissionEnumeration()[number]) else { continue }
      Issue.record("\(name), combination \(number): \(difference)")
      return
    }
    guest.rig.translator.destroy()
    #expect(guest.rig.frames.used == 0, "every frame is given back")
  }
}
