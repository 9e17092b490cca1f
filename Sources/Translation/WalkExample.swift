public import Addressing
internal import PageContents
public import PageTables

/// A small example to walk: one page of one guest, mapped by real tables in frames of a host of its own.
///
/// Addresses are chosen to be followed by eye. The guest's table of level n begins at guest-physical 0xn0000, the page at 0x99000 (a large page at
/// the first multiple of its size above 0), and the indices of the looked-up address are 1, 2, 3, 4, 5 from level 5 down. The host keeps its own
/// tables in frames 1, 2, 3, ..., and the guest's pages scattered, or in large pages.
public final class WalkExample {
  /// How deep one dimension is.
  public struct Dimension: Hashable, Sendable {
    /// Levels of tables.
    public let levels: Int
    /// The size of the pages at their end.
    public let page: PageSize

    /// Tables of a number of levels, 1 to 5, that end in pages of a size, for which they must have an entry.
    public init(levels: Int, page: PageSize = .size4K) {
      precondition((1...5).contains(levels) && page.level <= levels, "tables have one to five levels, and one for each size of page")
      self.levels = levels
      self.page = page
    }

    /// How many entries a walk reads of them.
    public var depth: Int { levels - page.level + 1 }
  }

  /// The guest's tables.
  public let guest: Dimension
  /// The host's; nil for a machine without a hypervisor.
  public let host: Dimension?
  /// The address to look up.
  public let address: GuestVirtualAddress
  /// CR3.
  public let root: GuestPhysicalAddress
  private let contents: FrameContents
  private let hostRoot = HostFrame(1)
  private var nextTable = 1
  private let hostFormat: NestedFormat
  private let modeBasedExecute: Bool
  private let isUserPage: Bool
  private let setsAccessedDirty: Bool

  /// Why an example cannot be built; nil if it can.
  public static func problem(guest: Dimension, host: Dimension?) -> String? {
    if !(4...5).contains(guest.levels) { return "a guest has 4 or 5 levels of tables" }
    guard let host else { return nil }
    if host.levels == 1 && guest.page != .size4K { return "a flat host table of 512 pages has no room for a guest's large page" }
    return host.levels == 2 || host.levels == 3 ? "a host has 4 or 5 levels of tables, or 1, a flat one" : nil
  }

  /// Builds an example in which every access passes that the guest's page is for.
  /// - Parameters:
  ///   - format: the words of the host's tables.
  ///   - modeBasedExecute: whether bit 10 of their entries is a right (EPT only).
  ///   - isUserPage: whether the guest's page is a user's; otherwise its kernel's.
  ///   - setsAccessedDirty: bit 6 of the EPTP; AMD's tables always have these bits.
  public init(
    guest: Dimension, host: Dimension?, format: NestedFormat = .ept, modeBasedExecute: Bool = false, isUserPage: Bool = true,
    setsAccessedDirty: Bool = true
  ) {
    precondition(Self.problem(guest: guest, host: host) == nil, "an example that cannot be built")
    precondition(format == .ept || !modeBasedExecute, "mode-based execute control is a matter of EPT")
    precondition(format == .ept || setsAccessedDirty, "AMD's tables have accessed and dirty bits")
    hostFormat = format
    self.modeBasedExecute = modeBasedExecute
    self.isUserPage = isUserPage
    self.setsAccessedDirty = setsAccessedDirty
    self.guest = guest
    self.host = host
    contents = FrameContents(frameCount: host?.page == .size1G ? 1 << 18 | 1 << 12 : 1 << 12)
    root = GuestPhysicalAddress(UInt64(guest.levels) << 16)
    var address: UInt64 = 0xabc
    for level in 1...guest.levels { address |= UInt64(6 - level) << X86Index.shift(level) }
    self.address = GuestVirtualAddress(address)
    makeGuestTables()
    makeHostTables()
  }

  /// A recorder of walks of the example.
  public func recorder() -> WalkRecorder {
    var controls = X86Controls()
    controls.levels = guest.levels
    let contents = contents
    guard let host else {
      return WalkRecorder(controls: controls) { contents.load(HostPhysicalAddress($0.rawValue)) }
    }
    var processor = NestedControls()
    processor.modeBasedExecute = modeBasedExecute
    let tables = WalkRecorder.HostTables(
      root: hostRoot.address, levels: host.levels, setsAccessedDirty: setsAccessedDirty, format: hostFormat, controls: processor)
    return WalkRecorder(controls: controls, host: tables) { contents.load($0) }
  }

  /// What can be taken from an entry.
  public enum Loss: Hashable, Sendable {
    /// All: it is not present.
    case presence
    /// The right to write.
    case write
    /// The right to execute; with mode-based execute control, from a kernel's pages.
    case execute
    /// With mode-based execute control: the right to execute from user pages. Nothing else.
    case userExecute
  }

  /// Takes something from the entry that a reference of the transcript read; everything that reads the word sees it.
  public func take(_ loss: Loss, from step: WalkStep) {
    guard let place = step.hostAddress ?? step.guestAddress.map({ HostPhysicalAddress($0.rawValue) }) else { return }
    let isEPT = step.dimension == .host && hostFormat == .ept
    let word = contents.load(place)
    let changed =
      switch loss {
      case .presence: word & ~(isEPT ? EPTEntry.permissions | (modeBasedExecute ? EPTEntry.userExecute : 0) : X86Entry.present)
      // In either format bit 1.
      case .write: word & ~X86Entry.writable
      case .execute: isEPT ? word & ~EPTEntry.execute : word | X86Entry.noExecute
      case .userExecute: isEPT ? word & ~EPTEntry.userExecute : word
      }
    contents.store(changed, place)
  }

  // MARK: The guest

  private func table(_ level: Int) -> GuestFrame { GuestFrame(UInt64(level) << 4) }

  /// The first frame of the guest's page.
  private var page: GuestFrame { guest.page == .size4K ? GuestFrame(0x99) : GuestFrame(guest.page.pages) }

  /// The frame of the guest's page that holds the address.
  private var target: GuestFrame { GuestFrame(page.rawValue | address.page.rawValue & (guest.page.pages - 1)) }

  private func makeGuestTables() {
    for level in stride(from: guest.levels, to: guest.page.level, by: -1) {
      store(X86Entry.table(table(level - 1)).with(X86Entry.accessed), level)
    }
    let leaf =
      guest.page == .size4K
      ? X86Entry.page(page, writable: true, user: isUserPage, noExecute: false)
      : X86Entry.largePage(page, writable: true, user: isUserPage, noExecute: false)
    store(leaf.with(X86Entry.accessed | X86Entry.dirty), guest.page.level)
  }

  private func store(_ entry: X86Entry, _ level: Int) {
    let place = X86Index.entryAddress(in: table(level).address, of: address, level: level)
    contents.store(entry.rawValue, hostAddress(of: place))
  }

  // MARK: The host

  /// Where a guest-physical address lies.
  private func hostAddress(of address: GuestPhysicalAddress) -> HostPhysicalAddress {
    guard let size = host?.page else { return HostPhysicalAddress(address.rawValue) }
    return HostPhysicalAddress(hostPage(of: address.page, size).address.rawValue | address.offset(in: size))
  }

  /// The first frame of the host's page that holds a guest frame. Small pages are scattered: 7 has no common factor with the prime 1021.
  private func hostPage(of frame: GuestFrame, _ size: PageSize) -> HostFrame {
    guard size == .size4K else { return HostFrame((frame.rawValue / size.pages + 1) * size.pages) }
    return HostFrame(0x400 + frame.rawValue % 1021 * 7 % 1021)
  }

  private func makeHostTables() {
    guard let host else { return }
    let tables = stride(from: guest.levels, through: guest.page.level, by: -1).map(table)
    for frame in tables + [target] { map(frame, host) }
  }

  private func map(_ frame: GuestFrame, _ host: Dimension) {
    var table = hostRoot
    for level in stride(from: host.levels, to: host.page.level, by: -1) {
      let place = X86Index.entryAddress(in: table.address, of: frame.address, level: level)
      // Bits 51:12 and, of what is present, bit 0 are the same in both formats.
      let old = EPTEntry(rawValue: contents.load(place))
      if old.isPresent {
        table = old.frame
      } else {
        nextTable += 1
        table = HostFrame(nextTable)
        let used = setsAccessedDirty ? hostFormat.accessed : 0
        contents.store(hostFormat.table(table, userExecute: modeBasedExecute) | used, place)
      }
    }
    let leaf = EPTEntry.page(hostPage(of: frame, host.page), writable: true)
    let used =
      (setsAccessedDirty ? EPTEntry.accessed | EPTEntry.dirty : 0) | (host.page == .size4K ? 0 : EPTEntry.large)
      | (modeBasedExecute ? EPTEntry.userExecute : 0)
    contents.store(hostFormat.word(leaf.with(used)), X86Index.entryAddress(in: table.address, of: frame.address, level: host.page.level))
  }
}
