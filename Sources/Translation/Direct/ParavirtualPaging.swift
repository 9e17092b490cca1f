public import Addressing

/// The hypercalls of direct paging: how a paravirtual guest changes its page tables.
///
/// Names and meaning follow Xen's public interface (`xen/include/public/xen.h`). Frames in it are *machine* frames, the host's own. A guest
/// learns those of its memory from two tables that the hypervisor shows it: P2M, from guest to machine frames, and M2P, back.
///
/// Each request is checked before anything of it is done. One that fails has changed nothing; those before it in its batch are done, those
/// after it are not.
public protocol ParavirtualPaging: AnyObject {
  /// How many updates the guest sends in one hypercall.
  var updateBatch: Int { get }

  /// Reads P2M: the machine frame of a guest frame; nil where the guest has no such memory now.
  func machineFrame(of frame: GuestFrame) -> HostFrame?

  /// Reads M2P: the guest frame of a machine frame; nil for a frame that is not this guest's.
  func guestFrame(of frame: HostFrame) -> GuestFrame?

  /// `mmu_update`: changes entries of tables, or words of other pages.
  func update(_ requests: [MMUUpdate]) -> HypercallResult

  /// `mmuext_op`: everything else that concerns tables.
  func perform(_ operations: [MMUOperation]) -> HypercallResult

  /// `update_va_mapping`: changes the level-1 entry that maps an address in the current tables.
  func updateMapping(of address: GuestVirtualAddress, to value: UInt64, then flush: MappingFlush) -> HypercallResult

  /// For audits: what the hypervisor keeps of a frame's use.
  func use(of frame: GuestFrame) -> FrameUse

  /// For audits: the root table that CR3 names.
  var rootTable: GuestFrame? { get }

  /// For audits: calls `body` with every frame that M2P says is the guest's.
  func forEachMachineFrame(_ body: (HostFrame, GuestFrame) -> Void)

  /// Told of every word of the guest's memory that a hypercall changes, before it does.
  var willStore: ((PageStore) -> Void)? { get set }
}

/// A word of a guest page that is about to change: which page, which word, and from what to what.
public struct PageStore: Hashable, Sendable {
  /// The page.
  public let frame: GuestFrame
  /// The word's index, from 0 to 511.
  public let index: Int
  /// What it holds.
  public let old: UInt64
  /// What it will hold.
  public let new: UInt64
}

/// One request of `mmu_update`: bits 1:0 of `pointer` are the command, the others a machine address.
@frozen public struct MMUUpdate: Hashable, Sendable, BitwiseCopyable {
  /// The machine address, and the command.
  public var pointer: UInt64
  /// What shall stand there.
  public var value: UInt64

  /// A request as the guest sends it; nothing about it is checked.
  @inlinable public init(pointer: UInt64, value: UInt64) {
    self.pointer = pointer
    self.value = value
  }

  /// MMU_NORMAL_PT_UPDATE: stores an entry of a table, or a word of another page.
  @inlinable public static func entry(_ address: HostPhysicalAddress, _ value: UInt64) -> MMUUpdate {
    MMUUpdate(pointer: address.rawValue & ~7 | Command.normal.rawValue, value: value)
  }

  /// MMU_PT_UPDATE_PRESERVE_AD: the same, but bits A and D that are set stay set.
  @inlinable public static func entryKeepingUse(_ address: HostPhysicalAddress, _ value: UInt64) -> MMUUpdate {
    MMUUpdate(pointer: address.rawValue & ~7 | Command.preserveUse.rawValue, value: value)
  }

  /// MMU_MACHPHYS_UPDATE: sets the M2P entry of a machine frame.
  @inlinable public static func machineToPhysical(_ machine: HostFrame, _ guest: GuestFrame) -> MMUUpdate {
    MMUUpdate(pointer: machine.address.rawValue | Command.machineToPhysical.rawValue, value: guest.rawValue)
  }

  /// The commands, with Xen's numbers.
  public enum Command: UInt64, Sendable {
    /// MMU_NORMAL_PT_UPDATE.
    case normal = 0
    /// MMU_MACHPHYS_UPDATE.
    case machineToPhysical = 1
    /// MMU_PT_UPDATE_PRESERVE_AD.
    case preserveUse = 2
  }

  /// The command; nil for a number that has none.
  @inlinable public var command: Command? { Command(rawValue: pointer & 3) }
  /// The machine address, 8-byte aligned but for bit 2, which is the guest's to get right.
  @inlinable public var address: HostPhysicalAddress { HostPhysicalAddress(pointer & ~3) }
}

/// One operation of `mmuext_op`.
public enum MMUOperation: Hashable, Sendable {
  /// MMUEXT_PIN_L1_TABLE to MMUEXT_PIN_L4_TABLE (and of level 5): the frame is a table of this level from now on, whoever else refers to
  /// it.
  case pin(level: Int, HostFrame)
  /// MMUEXT_UNPIN_TABLE.
  case unpin(HostFrame)
  /// MMUEXT_NEW_BASEPTR: the frame is the root table from now on: a load of CR3.
  case loadRoot(HostFrame)
  /// MMUEXT_INVLPG_LOCAL.
  case invalidatePage(GuestVirtualAddress)
  /// MMUEXT_TLB_FLUSH_LOCAL: drops all translations but global ones.
  case flush
}

/// What `update_va_mapping` drops afterwards.
public enum MappingFlush: Hashable, Sendable {
  /// UVMF_NONE.
  case none
  /// UVMF_INVLPG: the page.
  case page
  /// UVMF_TLB_FLUSH: everything but global translations.
  case all
}

/// Why a request was refused; the raw values are the names of the error numbers that Xen answers with.
public enum HypercallError: String, Error, Hashable, Sendable {
  /// The request names a frame that is not the guest's.
  case notPermitted = "EPERM"
  /// The request is malformed, an entry has a bit that guests may not set, or a frame is in use as something else.
  case invalid = "EINVAL"
  /// There is no such command.
  case notImplemented = "ENOSYS"
  /// The frame has as many references as can be counted.
  case busy = "EBUSY"
}

/// What became of a batch.
public struct HypercallResult: Hashable, Sendable {
  /// How many requests were carried out.
  public var done: Int
  /// Why the next one was not; nil where all were.
  public var error: HypercallError?

  /// A result.
  public init(done: Int, error: HypercallError? = nil) {
    self.done = done
    self.error = error
  }

  /// Whether everything was done.
  public var isComplete: Bool { error == nil }
}
