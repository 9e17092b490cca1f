public import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TestSupport
public import Translation
internal import TranslationCaching

/// # Fuzz guest: a lawful kernel under every way of paging at once
///
/// It carries out the steps of a program in several rigs that differ in their translator only, and holds each access against a rule that
/// knows neither TLBs nor shadows: the guest's tables, read as words, walked and checked by `PermissionRule`. Outcome and error code, the
/// host frame, the word in it, and every entry's A and D bits afterwards must be the rule's.
///
/// The kernel invalidates whenever the architecture wants it (Intel SDM 4.10.4.2), so no stale answer is legal, with one exception. Where
/// an entry only gains rights, a kernel may leave the invalidation out (4.10.4.3), and an access through it may be refused once more, as a
/// processor refuses that remembers an entry above the leaf from before; the fault drops what is remembered of the address (4.10.4.1), so
/// the same access at once again must go ahead. So much is allowed: one fault, with a code that follows from the older rights of entries
/// above the leaf; a gain of the leaf itself must be seen at once, since a walk reads it anew before an access is refused.
///
/// That the invalidations belong to the steps, and are worked out when a step is carried out, keeps a program lawful whatever a shrinker
/// leaves out.
public final class FuzzGuest {
  /// Virtual addresses that are accessed: pages below two entries of each level.
  public static let addresses: [GuestVirtualAddress] = {
    var addresses: [GuestVirtualAddress] = []
    for top in [0, 511] as [UInt64] {
      for middle in 0..<4 as Range<UInt64> {
        for low in 0..<8 as Range<UInt64> {
          let raw = top << 39 | (middle >> 1) << 30 | (middle & 1) << 21 | low << 12
          addresses.append(GuestVirtualAddress(top == 511 ? raw | 0xffff << 48 : raw))
        }
      }
    }
    return addresses
  }()
  static let roots = 4

  let setup: FuzzSetup
  /// One rig for each way.
  public let rigs: [FuzzRig]
  private let tlb: TLBHierarchy
  var controls = X86Controls()
  private(set) var root = 0
  private var pcid = 0
  /// Of each PCID, the root that its translations were made from.
  private var rootOfPCID: [Int]
  /// Frames that a walk went through.
  var isTable = [Bool](repeating: false, count: FuzzRig.guestFrames)
  var isInvalidationDue = false
  /// Of entries that gained rights, and were not invalidated since everything was dropped last: the rights that they had.
  var lesser: [GuestPhysicalAddress: [UInt64]] = [:]
  /// How often an access was refused with rights that an entry above its leaf had before it gained more.
  public internal(set) var spuriousFaults = 0
  /// The access that the guest's tables refused last, for its page fault handler.
  var refused: (address: GuestVirtualAddress, kind: AccessKind, privilege: Privilege)?
  /// What went wrong first, in which way of paging.
  public private(set) var failure: (way: String, text: String)?

  /// A guest with nothing mapped, in each way of paging of the setup.
  /// - Parameter wrap: what stands between a rig and its translator.
  public init(_ setup: FuzzSetup, wrap: (any Translator) -> any Translator = { $0 }) throws {
    self.setup = setup
    let tlb = TLBHierarchy(try TLBGeometry(parsing: setup.tlb))
    self.tlb = tlb
    // Direct paging last: see `askingDirectFirst`.
    let ways = setup.ways.filter { $0 != .direct } + setup.ways.filter { $0 == .direct }
    rigs = try ways.enumerated().map { number, way in
      let kind = way == .direct ? ParavirtualRig.self : FuzzRig.self
      return try kind.init(way, setup, tlb: tlb, vpid: UInt16(number + 1), wrap: wrap)
    }
    controls.levels = setup.levels
    controls.pcids = setup.pcids
    rootOfPCID = [Int](repeating: 0, count: 4)
    for root in 0..<Self.roots { isTable[root] = true }
    adoptControls()
    load(root: 0, pcid: 0, keep: false)
  }

  func fail(_ way: String, _ text: @autoclosure () -> String) {
    if failure == nil { failure = (way, text()) }
  }

  // MARK: Steps

  /// Does something in every rig; where direct paging, which is asked first, refuses it, in none.
  func askingDirectFirst(_ body: (FuzzRig) -> Bool) -> Bool { rigs.reversed().allSatisfy(body) }

  /// Carries a step out.
  public func carryOut(_ step: FuzzStep) {
    refused = nil
    if case .store = step {} else { settle() }
    switch step {
    case .access(let kind, let privilege, let address): _ = access(address, kind, privilege)
    case .write(let privilege, let address, let value, let how): write(privilege, address, value, how)
    case .batch(let records): batch(records)
    case .store(let address, let value, let how):
      guard address.page.rawValue < UInt64(FuzzRig.guestFrames) else { return }
      let old = X86Entry(rawValue: rigs[0].load(address))
      let pages = pages(through: address, how)
      guard askingDirectFirst({ $0.store(value, address) }) else { return }
      if isTable[address.page.index] { invalidate(how, address, pages, from: old, to: X86Entry(rawValue: value)) }
    case .replace(let frame, let source):
      guard max(frame.index, source.index) < FuzzRig.guestFrames else { return }
      guard askingDirectFirst({ $0.replace(frame, with: source) }) else { return }
      if isTable[frame.index] { dropEverything() }
    case .load(let root, let pcid, let keep): load(root: root, pcid: pcid, keep: keep)
    case .invlpg(let address): for rig in rigs { rig.translator.invalidatePage(address) }
    case .invpcid(let descriptor): for rig in rigs { rig.translator.invalidate(descriptor) }
    case .set(let control, let isOn): set(control, isOn)
    case .pkru(let value):
      controls.pkru = value
      adoptControls()
    case .worldSwitch: for rig in rigs { rig.translator.worldSwitch() }
    case .host(let act, let frame): if frame.index < FuzzRig.guestFrames { host(act, frame) }
    }
  }

  private func host(_ act: FuzzHostAct, _ frame: GuestFrame) {
    guard askingDirectFirst({ $0.host(act, frame) }) else { return }
    // The guest gave the page up: nothing that went through it may be relied on.
    if act == .balloon && isTable[frame.index] { dropEverything() }
  }

  private func set(_ control: FuzzControl, _ isOn: Bool) {
    // These bits direct paging does not leave to the guest.
    if setup.isParavirtual && (control == .wp || control == .nxe) { return }
    let hadNX = controls.noExecute
    // What was a gain under these control bits may be none under others.
    if !lesser.isEmpty { dropEverything() }
    switch control {
    case .wp: controls.writeProtect = isOn
    case .smep: controls.smep = isOn
    case .smap: controls.smap = isOn
    case .ac: controls.alignmentCheck = isOn
    case .pke: controls.protectionKeys = isOn
    case .pge: controls.globalPages = isOn
    case .nxe: controls.noExecute = isOn
    }
    adoptControls()
    if hadNX != controls.noExecute { dropEverything() }
  }

  func adoptControls() { for rig in rigs { rig.translator.setControls(controls) } }

  func load(root: Int, pcid: Int, keep: Bool) {
    let isOther = root != self.root
    let pcid = setup.pcids ? pcid : 0
    let keeps = setup.pcids && keep && rootOfPCID[pcid] == root
    let value = GuestFrame(UInt64(root)).address.rawValue | UInt64(pcid) | (keeps ? 1 << 63 : 0)
    guard askingDirectFirst({ $0.load(cr3: GuestPhysicalAddress(value)) }) else { return }
    self.root = root
    self.pcid = pcid
    rootOfPCID[pcid] = root
    // Global translations have to be the same in all address spaces; these roots share nothing.
    if isOther && setup.globals { dropEverything() }
  }
}
