public import Addressing
public import Ballooning
public import PageContents
internal import PageTables
internal import Translation

/// A guest's memory by guest-physical address, as its kernel and its devices use it. A guest that the host stopped, or an address beyond
/// its memory, answers nil or false.
extension VirtualMachine: GuestMemory {
  /// The 64-bit word at an aligned address.
  public func load64(_ address: GuestPhysicalAddress) -> UInt64? {
    guard let frame = resolve(address.page, .read) else { return nil }
    return contents.loadWord(Int(address.rawValue >> 3 & 511), of: frame)
  }

  /// Stores a 64-bit word at an aligned address. A store into a table that the translator shadows traps: it costs an exit, and the
  /// hypervisor carries it out and brings the shadow up to date. A guest that must ask for changes of its tables is refused: false.
  public func store64(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool {
    guard let frame = resolve(address.page, .write), translator.allowsStore(address.page) else { return false }
    let index = Int(address.rawValue >> 3 & 511)
    let traps = translator.storeTraps(address.page)
    if let witness = host.witness {
      witness.willStore(value, over: host.contents.loadWord(index, of: frame), at: index, of: page(of: address.page))
    }
    contents.storeWord(value, index, of: frame)
    if traps { translator.guestTableStored(at: address) }
    return true
  }

  /// The 16-bit word at an aligned address.
  public func load16(_ address: GuestPhysicalAddress) -> UInt16? {
    load64(Address(address.rawValue & ~7)).map { UInt16(truncatingIfNeeded: $0 >> ((address.rawValue & 6) * 8)) }
  }

  /// The 32-bit word at an aligned address.
  public func load32(_ address: GuestPhysicalAddress) -> UInt32? {
    load64(Address(address.rawValue & ~7)).map { UInt32(truncatingIfNeeded: $0 >> ((address.rawValue & 4) * 8)) }
  }

  /// Stores a 16-bit word at an aligned address.
  public func store16(_ value: UInt16, _ address: GuestPhysicalAddress) -> Bool {
    replaceBits(UInt64(value), width: 16, shift: (address.rawValue & 6) * 8, at: address)
  }

  /// Stores a 32-bit word at an aligned address.
  public func store32(_ value: UInt32, _ address: GuestPhysicalAddress) -> Bool {
    replaceBits(UInt64(value), width: 32, shift: (address.rawValue & 4) * 8, at: address)
  }

  private func replaceBits(_ value: UInt64, width: UInt64, shift: UInt64, at address: GuestPhysicalAddress) -> Bool {
    let aligned = GuestPhysicalAddress(address.rawValue & ~7)
    guard let word = load64(aligned) else { return false }
    let mask: UInt64 = ((1 << width) - 1) << shift
    return store64(word & ~mask | value << shift, aligned)
  }

  /// Replaces a page's whole content: a kernel that clears or copies it, a disk that reads into it.
  public func fill(_ frame: GuestFrame, with content: PageContent) -> Bool {
    guard let backing = resolve(frame, .write), translator.allowsStore(frame) else { return false }
    host.contents.setContent(content, of: backing)
    if translator.storeTraps(frame) { translator.guestPageReplaced(frame) }
    host.witness?.filled(page(of: frame), with: content)
    return true
  }

  /// The page was just filled from a block device. The block is asked for only where somebody listens.
  public func noteBlockRead(_ frame: GuestFrame, block: @autoclosure () -> UInt64) {
    if let listener = host.onBlockRead, isRunning, contains(frame) { listener(page(of: frame), block()) }
  }

  /// Writes a page's whole content through a program's virtual address.
  public func write(_ content: PageContent, at address: GuestVirtualAddress, frame: GuestFrame, _ privilege: Privilege = .user)
    -> AccessResult
  {
    let result = access(address, .write, privilege)
    guard case .mapped(let target) = result else { return result }
    host.contents.setContent(content, of: target.page)
    host.witness?.filled(page(of: frame), with: content)
    return result
  }

  /// What a page holds, as a descriptor; nil where it holds real bytes or nothing can be read.
  public func content(of frame: GuestFrame) -> PageContent? {
    resolve(frame, .read).flatMap { host.contents.content(of: $0) }
  }

  /// XXH3-64 of a page's bytes, read as a guest would; nil if it has no such page.
  public func hash(of frame: GuestFrame) -> UInt64? {
    resolve(frame, .read).map { host.contents.indexHash(of: $0) }
  }
}
