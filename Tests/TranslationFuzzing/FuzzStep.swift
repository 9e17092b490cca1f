public import Addressing
public import Translation

/// How the guest makes a change of its tables count. Where a way is not enough in the setup at hand, everything is dropped instead, so that
/// a program stays legal whatever is taken out of it.
public enum FuzzInvalidation: String, CaseIterable, Sendable {
  /// INVPCID type 2: everything, global translations too.
  case everything
  /// INVPCID type 3: everything but global translations; enough without any.
  case all
  /// INVPCID type 1 for each PCID; enough without global translations.
  case contexts
  /// INVLPG of each page whose walk goes through the word, and INVPCID type 0 of it for each PCID.
  case pages
  /// A load of CR3; enough without PCIDs and global translations.
  case reload
  /// CR4.PGE is flipped and flipped back.
  case flip
  /// Nothing, where the word only gained W, U/S, X, A or D.
  case lazy
  /// Everything, before anything but stores happens.
  case later
}

/// A control bit that a guest changes.
public enum FuzzControl: String, CaseIterable, Sendable {
  /// CR0.WP.
  case wp
  /// CR4.SMEP.
  case smep
  /// CR4.SMAP.
  case smap
  /// EFLAGS.AC.
  case ac
  /// CR4.PKE.
  case pke
  /// CR4.PGE.
  case pge
  /// EFER.NXE.
  case nxe
}

/// What a host does to a page behind its guest's back.
public enum FuzzHostAct: String, CaseIterable, Sendable {
  /// Writes its content to the swap device.
  case swap
  /// Takes W away, as sharing does.
  case share
  /// Moves it to another host frame.
  case move
  /// Takes it from a guest that gave it up.
  case balloon
  /// Splits the large leaf around it.
  case split
  /// Looks whether it was accessed, for the reclaim clock.
  case age
}

/// One step of a program: everything in it is concrete, so that it means the same wherever it stands.
public enum FuzzStep: Hashable, Sendable {
  /// A read or a fetch.
  case access(AccessKind, Privilege, GuestVirtualAddress)
  /// A write of a word, and the invalidation that it calls for if the word belongs to a table.
  case write(Privilege, GuestVirtualAddress, UInt64, FuzzInvalidation)
  /// A batch of accesses that store nothing.
  case batch([AccessRecord])
  /// A store to guest-physical memory by an emulated instruction or a device, and the invalidation.
  case store(GuestPhysicalAddress, UInt64, FuzzInvalidation)
  /// A device replaces a page by a copy of another.
  case replace(GuestFrame, from: GuestFrame)
  /// CR3 gets a root table from 0 to 3 and a PCID from 0 to 3; bit 63 is set if it may be.
  case load(root: Int, pcid: Int, keep: Bool)
  /// INVLPG.
  case invlpg(GuestVirtualAddress)
  /// INVPCID.
  case invpcid(INVPCID)
  /// A control bit is set or cleared.
  case set(FuzzControl, Bool)
  /// PKRU.
  case pkru(UInt32)
  /// The processor leaves the guest for a moment.
  case worldSwitch
  /// The host acts on a page.
  case host(FuzzHostAct, GuestFrame)
}

extension FuzzStep: CustomStringConvertible {
  /// A line of text that `init(parsing:)` reads back.
  public var description: String {
    switch self {
    case .access(let kind, let privilege, let address): "\(kind) \(privilege) \(address)"
    case .write(let privilege, let address, let value, let how): "write \(privilege) \(address) \(Self.hex(value)) \(how)"
    case .batch(let records): (["batch"] + records.map(Self.text)).joined(separator: " ")
    case .store(let address, let value, let how): "store \(address) \(Self.hex(value)) \(how)"
    case .replace(let frame, let source): "replace \(frame) \(source)"
    case .load(let root, let pcid, let keep): "load \(root) \(pcid)\(keep ? " keep" : "")"
    case .invlpg(let address): "invlpg \(address)"
    case .invpcid(.address(let pcid, let address)): "invpcid-address \(pcid.rawValue) \(address)"
    case .invpcid(.context(let pcid)): "invpcid-context \(pcid.rawValue)"
    case .invpcid(.all): "invpcid-all"
    case .invpcid(.allWithGlobals): "invpcid-everything"
    case .set(let control, let isOn): "set \(control) \(isOn ? 1 : 0)"
    case .pkru(let value): "pkru \(Self.hex(UInt64(value)))"
    case .worldSwitch: "switch"
    case .host(let act, let frame): "\(act) \(frame)"
    }
  }

  static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  private static func text(_ record: AccessRecord) -> String { "\(record.kind):\(record.privilege):\(record.address)" }

  /// Reads a line; nil where it is none.
  init?(parsing line: Substring) {
    var words = line.split(separator: " ").map(String.init)
    guard !words.isEmpty else { return nil }
    let name = words.removeFirst()
    let numbers = words.compactMap { Self.number($0) }
    switch (name, numbers.count) {
    case ("read", 1), ("fetch", 1):
      guard let privilege = Self.privilege(words.first) else { return nil }
      self = .access(name == "read" ? .read : .fetch, privilege, GuestVirtualAddress(numbers[0]))
    case ("write", 2):
      guard let privilege = Self.privilege(words.first), let how = FuzzInvalidation(rawValue: words.last ?? "") else { return nil }
      self = .write(privilege, GuestVirtualAddress(numbers[0]), numbers[1], how)
    case ("batch", _):
      let records = words.compactMap(Self.record)
      guard records.count == words.count else { return nil }
      self = .batch(records)
    case ("store", 2):
      guard let how = FuzzInvalidation(rawValue: words.last ?? "") else { return nil }
      self = .store(GuestPhysicalAddress(numbers[0]), numbers[1], how)
    case ("replace", 2): self = .replace(GuestFrame(numbers[0]), from: GuestFrame(numbers[1]))
    case ("load", 2): self = .load(root: Int(numbers[0] & 3), pcid: Int(numbers[1] & 3), keep: words.last == "keep")
    case ("invlpg", 1): self = .invlpg(GuestVirtualAddress(numbers[0]))
    case ("invpcid-address", 2):
      self = .invpcid(.address(PCID(UInt16(truncatingIfNeeded: numbers[0])), GuestVirtualAddress(numbers[1])))
    case ("invpcid-context", 1): self = .invpcid(.context(PCID(UInt16(truncatingIfNeeded: numbers[0]))))
    case ("invpcid-all", 0): self = .invpcid(.all)
    case ("invpcid-everything", 0): self = .invpcid(.allWithGlobals)
    case ("set", 1):
      guard let control = FuzzControl(rawValue: words[0]) else { return nil }
      self = .set(control, numbers[0] == 1)
    case ("pkru", 1): self = .pkru(UInt32(truncatingIfNeeded: numbers[0]))
    case ("switch", 0): self = .worldSwitch
    default:
      guard let act = FuzzHostAct(rawValue: name), numbers.count == 1 else { return nil }
      self = .host(act, GuestFrame(numbers[0]))
    }
  }

  private static func number(_ word: String) -> UInt64? {
    word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
  }

  private static func privilege(_ word: String?) -> Privilege? {
    word == "user" ? .user : word == "supervisor" ? .supervisor : nil
  }

  private static func record(_ word: String) -> AccessRecord? {
    let parts = word.split(separator: ":")
    guard parts.count == 3, let privilege = privilege(String(parts[1])), let address = number(String(parts[2])) else { return nil }
    guard let kind = AccessKind.allCases.first(where: { "\($0)" == parts[0] }) else { return nil }
    return AccessRecord(GuestVirtualAddress(address), kind, privilege)
  }
}
