public import Addressing

/// # Stale translations: the access that would have gone wrong
///
/// A processor trusts what it remembers. Where somebody changes a table and forgets the invalidation, an access goes to a frame that is no
/// longer the page's, or writes what is no longer writable; on a real machine nobody notices until memory is corrupt. The detector compares
/// each access that completes with the truth, the guest's tables composed with the guest-physical map as they are at this moment, and keeps
/// those that disagree.
///
/// The invariant that it proves (law 4): *an access that completes goes where the tables say, with rights that they give*. Where it is
/// broken, the detector says by whom: the hypervisor, whose map changed behind the page, or the guest, whose own tables did. The second is
/// no fault of a translator's: the architecture lets a processor keep a translation until the guest invalidates it (Intel SDM 4.10.2.3),
/// and the guest that relies on it not being kept has a bug.
///
/// It walks in software at every access, some hundred times the cost of a hit: for hunting, not for measuring.
public final class StaleTranslations {
  /// Who changed what without an invalidation.
  public enum Culprit: String, Hashable, Sendable {
    /// The guest-physical map: sharing, copy on write, ballooning, swap, moving.
    case hypervisor
    /// The guest's own tables.
    case guest
  }

  /// An access that went wrong.
  public struct Finding: Hashable, Sendable {
    /// The number of the access, from 1, among those that completed.
    public var access: UInt64
    /// The address.
    public var address: GuestVirtualAddress
    /// What it did.
    public var kind: AccessKind
    /// In which mode.
    public var privilege: Privilege
    /// The host frame that it went to.
    public var frame: HostFrame
    /// Where it should have gone; nil where the tables map nothing.
    public var truth: HeldTranslation?
    /// Who forgot to invalidate.
    public var culprit: Culprit
  }

  /// The first findings, at most `limit`.
  public private(set) var findings: [Finding] = []
  /// All findings of each culprit.
  public private(set) var byHypervisor: UInt64 = 0
  /// Those of the guest.
  public private(set) var byGuest: UInt64 = 0
  /// Accesses compared.
  public private(set) var compared: UInt64 = 0
  private let limit: Int
  /// The guest frame that each page led to when it was last right, by page and root.
  private var known: [Place: GuestFrame] = [:]

  private struct Place: Hashable {
    var page: GuestVirtualPage
    var root: GuestPhysicalAddress
  }

  /// A detector that keeps the first `limit` findings.
  public init(limit: Int = 100) { self.limit = limit }

  /// Compares a completed access with the truth.
  /// - Parameters:
  ///   - check: what the access needs of a translation's rights, D aside.
  ///   - composed: the truth.
  func compare(
    _ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege, root: GuestPhysicalAddress, frame: HostFrame,
    _ check: AccessCheck, _ composed: ComposedTranslation
  ) {
    // A shadow of a table that the host has swapped out is lawful, and there is nothing to compare it with.
    guard !composed.isTableAbsent else { return }
    compared += 1
    let truth = composed.translation
    let guestAllows = composed.guestRights.map(check.passes) ?? false
    let place = Place(page: address.page, root: root)
    if let truth, truth.hostFrame == frame, check.passes(truth.rights) {
      if let guestFrame = truth.guestFrame { known[place] = guestFrame }
      return
    }
    let isMoved = truth?.hostFrame != frame && (composed.guestFrame ?? truth?.guestFrame).map { $0 != known[place] } ?? false
    let culprit: Culprit = !guestAllows || isMoved ? .guest : .hypervisor
    if culprit == .guest { byGuest += 1 } else { byHypervisor += 1 }
    guard findings.count < limit else { return }
    findings.append(
      Finding(
        access: compared, address: address, kind: kind, privilege: privilege, frame: frame, truth: truth, culprit: culprit))
  }
}

extension StaleTranslations.Finding: CustomStringConvertible {
  /// "access 17: write to 0x7f00 (user) went to frame 0x12; it is now frame 0x15, not writable: the hypervisor did not invalidate".
  public var description: String {
    let now =
      truth.map { "its page is frame \($0.hostFrame)\($0.isWritable ? "" : ", read-only")" } ?? "its page is mapped to nothing"
    return
      "access \(access): \(kind) at \(address) (\(privilege)) went to frame \(frame); \(now): the \(culprit.rawValue) did not invalidate"
  }
}
