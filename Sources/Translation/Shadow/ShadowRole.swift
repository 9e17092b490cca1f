internal import Addressing
internal import PageTables

/// What a shadow page stands for besides the guest frame of its table: KVM's page role (Linux, Documentation/virt/kvm/x86/mmu.rst).
///
/// One guest table under two parents with different rights has two shadow pages, because the shadow's upper entries allow everything and
/// the leaves carry the AND of all levels. A table used under two settings of the control bits that decide what a leaf looks like has two
/// as well, so that a kernel that switches to and fro finds both again. Left out of KVM's role: the quadrant, which only 32-bit guests
/// have, and A/D disabled: the shadow tables of the modelled processor always have A and D.
struct ShadowRole: Hashable, BitwiseCopyable {
  /// Bits 2:0 the level; 3 direct; 4 to 6 the access inherited from the parents, W, U and X; 7 to 11 the processor's part; 15:12 the key.
  let rawValue: UInt32

  private enum Bit {
    static let direct: UInt32 = 1 << 3
    static let writable: UInt32 = 1 << 4
    static let user: UInt32 = 1 << 5
    static let executable: UInt32 = 1 << 6
    static let noExecuteEnabled: UInt32 = 1 << 7
    static let writeProtect: UInt32 = 1 << 8
    static let smepAndNotWP: UInt32 = 1 << 9
    static let smapAndNotWP: UInt32 = 1 << 10
    static let keysAndNotWP: UInt32 = 1 << 11
    static let keyShift: UInt32 = 12
    static let processor = noExecuteEnabled | writeProtect | smepAndNotWP | smapAndNotWP | keysAndNotWP
  }

  private init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The part of every role that control bits decide: a root's role without its level and access.
  ///
  /// SMEP, SMAP and protection keys matter to the shape of a leaf only while WP is clear, where a kernel may write to a user's read-only
  /// page and the shadow shows that page as the kernel's. Protection keys are this laboratory's addition: KVM does not offer them to
  /// shadowed guests.
  init(processor controls: X86Controls) {
    var bits: UInt32 = controls.noExecute ? Bit.noExecuteEnabled : 0
    if controls.writeProtect {
      bits |= Bit.writeProtect
    } else {
      if controls.smep { bits |= Bit.smepAndNotWP }
      if controls.smap { bits |= Bit.smapAndNotWP }
      if controls.protectionKeys { bits |= Bit.keysAndNotWP }
    }
    rawValue = bits
  }

  /// The role of a table of the guest's.
  func table(level: Int, access: X86Rights) -> ShadowRole {
    ShadowRole(rawValue: rawValue & Bit.processor | UInt32(level) | ShadowRole.bits(of: access))
  }

  /// The role of a piece of a large guest page, for which the guest has no table.
  /// - Parameters:
  ///   - access: what the large page itself allows, without W while it is clean.
  ///   - key: its protection key.
  func piece(level: Int, access: X86Rights, key: UInt64) -> ShadowRole {
    ShadowRole(rawValue: table(level: level, access: access).rawValue | Bit.direct | UInt32(key & 15) << Bit.keyShift)
  }

  private static func bits(of access: X86Rights) -> UInt32 {
    (access.isWritable ? Bit.writable : 0) | (access.isUser ? Bit.user : 0) | (access.isExecutable ? Bit.executable : 0)
  }

  /// The level of the table, 1 to 5.
  var level: Int { Int(rawValue & 7) }
  /// Whether it stands for a piece of a large guest page.
  var isDirect: Bool { rawValue & Bit.direct != 0 }
  /// Whether bit 63 of the guest's entries forbids fetches; else it is reserved.
  var isNoExecuteEnabled: Bool { rawValue & Bit.noExecuteEnabled != 0 }
  /// The access inherited from the parents, or that of the large page.
  var access: X86Rights {
    X86Rights(
      writable: rawValue & Bit.writable != 0, user: rawValue & Bit.user != 0, executable: rawValue & Bit.executable != 0)
  }
  /// The protection key of a large page.
  var key: UInt64 { UInt64(rawValue >> Bit.keyShift & 15) }
}
