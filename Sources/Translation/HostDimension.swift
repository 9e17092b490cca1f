internal import Addressing
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// The second dimension of a walk: how the processor gets from a guest-physical address, of a guest's table entry or of the page itself, to the
/// host's memory.
protocol HostDimension {
  static var mode: PagingMode { get }
  /// The map that the answers come from.
  var map: GuestPhysicalMap { get }
  /// Whether a load of a guest's table counts as a write of it.
  var writesGuestTables: Bool { get }
  /// Whether the dimension's D bits decide if a write has to walk: only where there are any.
  var keepsDirty: Bool { get }
  /// The exit of an access that the map refuses; nil where there is nobody to exit to.
  var refusal: ExitReason? { get }
  /// The page-modification log, if one is kept.
  var log: PageModificationLog? { get }

  /// The right of the map, as EPT has it, that a fetch from a page needs.
  func executeRight(isUserPage: Bool) -> UInt64

  /// Goes from guest-physical to host-physical memory.
  /// - Parameters:
  ///   - isUserPage: of the page itself: whether the guest's tables call it a user page, which mode-based execute control asks.
  ///   - space: the tag of what caches know.
  ///   - references: gains the loads that this takes.
  func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, isUserPage: Bool, _ space: TLBSpace,
    references: inout UInt64
  ) -> NestedWalk

  /// Whether walks may be repeated from memory: nothing is cached of them.
  var isRepeatable: Bool { get }

  /// The loads that a repeated walk stands for.
  var repeatedReferences: UInt64 { get }

  /// `walk` of a page itself, where its table is remembered and nothing needs to be marked or reported; allows nothing elsewhere.
  func repeatedWalk(_ address: GuestPhysicalAddress, _ access: AccessKind, isUserPage: Bool, changes: UInt64) -> RepeatedLeaf
}

/// Where a walk that was repeated from memory ended.
struct RepeatedLeaf: BitwiseCopyable {
  /// The page's frame.
  var frame: HostFrame
  /// What the map lets pass of the rights that the guest's tables give, as a mask for them; 0 where no walk was repeated.
  var allowed: UInt64

  /// - Parameters:
  ///   - leaf: as EPT has it.
  ///   - rights: what all levels let pass, as EPT has it.
  ///   - execute: the right that a fetch needs.
  ///   - keepsDirty: whether the leaf's D decides if a write must walk.
  @inline(__always) init(_ leaf: EPTEntry, rights: UInt64, execute: UInt64, keepsDirty: Bool) {
    let limited = AccessCheck.writable | AccessCheck.executable | AccessCheck.dirty
    frame = leaf.frame
    allowed =
      ~limited | rights & EPTEntry.write | (rights & execute != 0 ? AccessCheck.executable : 0)
      | (leaf.isDirty || !keepsDirty ? AccessCheck.dirty : 0)
  }

  private init() {
    frame = HostFrame(0)
    allowed = 0
  }

  static var none: RepeatedLeaf { RepeatedLeaf() }
}

/// No second dimension: the map is looked up by the laboratory, at no cost, as if the guest ran on the bare machine.
struct FreeDimension: HostDimension {
  static var mode: PagingMode { .native }
  let map: GuestPhysicalMap
  var writesGuestTables: Bool { false }
  var keepsDirty: Bool { true }
  var refusal: ExitReason? { nil }
  var log: PageModificationLog? { nil }

  var isRepeatable: Bool { true }
  var repeatedReferences: UInt64 { 0 }

  @inline(__always) func executeRight(isUserPage: Bool) -> UInt64 { EPTEntry.execute }

  @inline(__always)
  func repeatedWalk(_ address: GuestPhysicalAddress, _ access: AccessKind, isUserPage: Bool, changes: UInt64) -> RepeatedLeaf {
    let leaf = map.usedLeaf(of: address.page, access, changes: changes)
    guard leaf.rawValue != 0 else { return .none }
    return RepeatedLeaf(leaf, rights: leaf.rawValue, execute: EPTEntry.execute, keepsDirty: true)
  }

  @inline(__always)
  func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, isUserPage: Bool, _ space: TLBSpace,
    references: inout UInt64
  ) -> NestedWalk {
    let leaf = map.leaf(of: address.page)
    guard leaf.allows(access) else {
      let found = leaf.isPresent ? (leaf.rawValue & EPTEntry.permissions) << 3 : 0
      let low = 1 << UInt64(access.rawValue) | found
      return NestedWalk(.violation, word: GuestViolation.qualification(low, isGuestTable: purpose == .guestTable), level: 1)
    }
    if purpose == .access { map.markUsed(address.page, leaf, isWrite: access == .write) }
    let level = leaf.isLarge ? map.largeLeafSize(of: address.page)?.level ?? 1 : 1
    return NestedWalk(.mapped, word: leaf.rawValue, level: level, rights: leaf.rawValue & EPTEntry.permissions)
  }
}

/// The guest-physical map, walked by the processor: Intel's extended page tables (SDM 29.3) or AMD's nested ones (APM volume 2, 15.25).
///
/// With EPT A/D bits (`keepsAccessedDirty`) a load of a guest's table counts as a write of it: it needs W in the map and sets D, even
/// where no bit of the guest's changes. Without them W is needed only where A or D in the guest's table has to be set. AMD's tables always
/// have A and D, and the processor reaches a guest's tables as a user who writes.
///
/// What a nested TLB or a paging-structure cache knows of a guest-physical address spares all or the upper references. They hold only what a walk
/// found with its A bits set, and answer a write only where D is set too, so that no bit stays unset for their sake.
struct NestedDimension: HostDimension {
  static var mode: PagingMode { .nested }
  let map: GuestPhysicalMap
  let tlb: TLBHierarchy
  let keepsAccessedDirty: Bool
  private let modeBasedExecute: Bool
  private let hasNestedTLB: Bool
  private let hasWalkCaches: Bool
  /// What an exit makes the processor forget; nil for nothing.
  private let lossAtExit: TLBInvalidation?

  init(_ parts: TranslatorParts, keepsAccessedDirty: Bool, usesVPID: Bool) {
    map = parts.map
    tlb = parts.tlb
    lossAtExit = usesVPID ? nil : parts.lossAtExit(isNested: true)
    self.keepsAccessedDirty = keepsAccessedDirty || map.format == .npt
    modeBasedExecute = map.controls.modeBasedExecute && map.format == .ept
    let caches = tlb.geometry.walkCaches
    hasNestedTLB = caches.ntlb != nil
    hasWalkCaches = caches.epde != nil || caches.epdpte != nil || caches.epml4e != nil || caches.epml5e != nil
  }

  var writesGuestTables: Bool { keepsAccessedDirty }
  var keepsDirty: Bool { keepsAccessedDirty }
  var refusal: ExitReason? { map.format == .ept ? .eptViolation : .nestedPageFault }
  var log: PageModificationLog? { map.modificationLog }

  var isRepeatable: Bool { !hasNestedTLB && !hasWalkCaches }
  var repeatedReferences: UInt64 { UInt64(map.levels) }

  @inline(__always)
  func repeatedWalk(_ address: GuestPhysicalAddress, _ access: AccessKind, isUserPage: Bool, changes: UInt64) -> RepeatedLeaf {
    let walk = map.rememberedWalk(address, asked(access, .access, isUserPage: isUserPage), changes: changes)
    guard walk.word != 0 else { return .none }
    return RepeatedLeaf(walk.leaf, rights: walk.rights, execute: executeRight(isUserPage: isUserPage), keepsDirty: keepsDirty)
  }

  /// An access in the terms of the map's format.
  @inline(__always)
  private func asked(_ access: AccessKind, _ purpose: GuestPhysicalPurpose, isUserPage: Bool) -> NestedAccess {
    map.format == .ept
      ? NestedAccess.ept(
        access, for: purpose, setsAccessedDirty: keepsAccessedDirty, isUserFetch: modeBasedExecute && isUserPage && access == .fetch)
      : NestedAccess.npt(access, for: purpose)
  }

  @inline(__always) func executeRight(isUserPage: Bool) -> UInt64 {
    modeBasedExecute && isUserPage ? EPTEntry.userExecute : EPTEntry.execute
  }

  @inline(__always)
  func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, isUserPage: Bool, _ space: TLBSpace,
    references: inout UInt64
  ) -> NestedWalk {
    let isUserFetch = modeBasedExecute && isUserPage && access == .fetch
    let asked = asked(access, purpose, isUserPage: isUserPage)
    while true {
      let walk =
        hasNestedTLB || hasWalkCaches
        ? cachedWalk(address, asked, check(access, purpose, isUserFetch: isUserFetch), space, references: &references)
        : map.walk(address, asked, references: &references)
      if walk.kind != .logFull { return walk }
      // An exit: the hypervisor takes the pages, and the processor tries again.
      map.modificationLog?.deliver()
      if let lossAtExit { tlb.invalidate(lossAtExit) }
    }
  }

  /// What an access needs of the nested TLB. There the rights of a map stand in a rights word: R at U's place, a user's X in the lowest bit of
  /// the key.
  private func check(_ access: AccessKind, _ purpose: GuestPhysicalPurpose, isUserFetch: Bool) -> AccessCheck {
    let isWrite = access == .write || (purpose == .guestTable && keepsAccessedDirty)
    let right =
      isUserFetch ? 1 << AccessCheck.keyShift : access == .fetch ? AccessCheck.executable : access == .read ? AccessCheck.user : 0
    return AccessCheck(needed: AccessCheck.present | right | (isWrite ? AccessCheck.writable | AccessCheck.dirty : 0))
  }

  private func cachedWalk(
    _ address: GuestPhysicalAddress, _ asked: NestedAccess, _ check: AccessCheck, _ space: TLBSpace, references: inout UInt64
  ) -> NestedWalk {
    if hasNestedTLB {
      let hit = tlb.lookupNested(space, address, check)
      if hit.level != 0 { return Self.walk(hit.entry, address) }
    }
    var start = hasWalkCaches ? tlb.lookupHostWalk(space, address) : .root
    var walk: NestedWalk
    if start.level == 0 {
      walk = map.walk(address, asked, references: &references)
      start = .root
    } else {
      walk = map.walk(address, asked, from: start.table, level: start.level, rights: start.rights, references: &references)
    }
    guard walk.isMapped else { return walk }
    if hasWalkCaches {
      let path = map.path
      for level in stride(from: (start.level == 0 ? map.levels : start.level) - 1, through: walk.level, by: -1) {
        tlb.insertHostWalk(space, address, level: level, table: path.table(level: level), rights: path.rights(level: level))
      }
    }
    if hasNestedTLB { tlb.insertNested(space, address, entry(walk)) }
    return walk
  }

  /// A finished walk as an entry of the nested TLB.
  private func entry(_ walk: NestedWalk) -> TLBEntry {
    let (rights, leaf) = (walk.rights, walk.leaf)
    let isDirty = !keepsAccessedDirty || leaf.isDirty
    let word =
      (rights & EPTEntry.read) << 2 | rights & EPTEntry.write | (rights & EPTEntry.execute) << 61
      | (rights & EPTEntry.userExecute) << (AccessCheck.keyShift - 10) | (isDirty ? AccessCheck.dirty : 0)
    return TLBEntry(leaf.frame, walk.pageSize, rights: word)
  }

  /// An entry of the nested TLB as the walk that it spares.
  private static func walk(_ entry: TLBEntry, _ address: GuestPhysicalAddress) -> NestedWalk {
    let word = entry.rights
    let rights =
      (word & AccessCheck.user) >> 2 | word & AccessCheck.writable | (word & AccessCheck.executable) >> 61
      | (word >> (AccessCheck.keyShift - 10)) & EPTEntry.userExecute
    let leaf =
      entry.frame(of: address).rawValue << 12 | EPTEntry.accessed | rights | (entry.isDirty ? EPTEntry.dirty : 0)
      | (entry.size == .size4K ? 0 : EPTEntry.large)
    return NestedWalk(.mapped, word: leaf, level: entry.size.level, rights: rights)
  }
}
