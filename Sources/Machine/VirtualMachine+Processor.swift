public import Addressing
public import PageTables
public import Translation

/// What a guest's kernel tells its processor beyond CR3 and INVLPG, and what it reaches by physical address.
extension VirtualMachine {
  /// The guest writes its control registers.
  public func setControls(_ controls: X86Controls) {
    if isRunning { translator.setControls(controls) }
  }

  /// The guest executes INVPCID.
  public func invalidate(_ descriptor: INVPCID) {
    if isRunning { translator.invalidate(descriptor) }
  }

  /// The processor leaves the guest for a moment, for a device's or a timer's sake, and comes back. On bare hardware nobody leaves.
  public func worldSwitch() {
    if mode != .native { countExits(.worldSwitch, 1) }
  }

  /// How its virtual addresses are translated.
  public var mode: PagingMode { translator.mode }

  /// Counts the exit that a kernel's access to a page by its direct map of all memory takes where the host does not back the page for it yet.
  ///
  /// The accesses themselves (`load64`, `store64`, `fill`) resolve what is missing without a processor, so that nothing else counts
  /// it. On bare hardware and for a direct guest, whose memory is all there from the start, nothing exits.
  public func countBacking(of frame: GuestFrame, _ kind: AccessKind) {
    let leaf = map.leaf(of: frame)
    guard kind == .write ? !leaf.isWritable : !leaf.isPresent, let reason = backingExit else { return }
    countExits(reason, 1)
  }

  /// The exit of a first access to memory that the host does not back yet.
  private var backingExit: ExitReason? {
    switch mode {
    case .native, .direct: nil
    case .nested, .agile: map.format == .ept ? .eptViolation : .nestedPageFault
    case .shadow: .shadowPageFault
    }
  }
}
