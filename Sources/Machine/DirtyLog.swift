internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import Translation

/// Which pages a guest has written to since somebody last asked: what a migration has to send again.
///
/// The processor writes the number of each page whose D bit it sets into a log of 512 places, and exits when that is full (Intel SDM 29.3.6); the
/// hypervisor takes the numbers over into a bit of its own for each page, and adds the pages that it made writable itself, as KVM does
/// (arch/x86/kvm/vmx/vmx.c, `vmx_flush_pml_buffer`; arch/x86/kvm/mmu/spte.c, `mark_page_dirty_in_slot`). So a page is logged once until its D bit is cleared.
final class DirtyLog {
  let log: PageModificationLog
  private let bits: BitColumn
  /// Pages whose bit is set.
  private(set) var count = 0

  init(_ log: PageModificationLog, pageCount: Int) {
    self.log = log
    bits = BitColumn(count: pageCount)
    // The processor logs only what the map has a leaf for, and that is the guest's memory.
    log.receiver = { [unowned self] in note($0) }
  }

  /// A page is dirty.
  func note(_ frame: GuestFrame) {
    guard !bits[frame.index] else { return }
    bits[frame.index] = true
    count += 1
  }

  /// Calls `body` with every dirty page, in order, and forgets them.
  func take(_ body: (GuestFrame) -> Void) {
    log.drain { note($0) }
    guard count > 0 else { return }
    for index in 0..<bits.count where bits[index] {
      body(GuestFrame(index))
      bits[index] = false
    }
    count = 0
  }
}

extension VirtualMachine {
  /// A page is about to be written by who knows its guest frame. Where the map lets that pass, it is the guest's kernel, through its direct map of all
  /// memory, and the processor logs the page; where not, the hypervisor makes the page writable, and knows.
  func noteWrite(_ frame: GuestFrame, _ leaf: EPTEntry, in dirtyLog: DirtyLog) {
    guard leaf.isWritable else { return dirtyLog.note(frame) }
    guard !leaf.isDirty, !dirtyLog.log.log(frame.address) else { return }
    dirtyLog.log.deliver()
    translator.worldSwitch()
    _ = dirtyLog.log.log(frame.address)
  }

  /// Pages that the guest has written to since the last `collectDirtyPages`, or since its start; nil where no log is kept.
  public var dirtyPages: Int? {
    dirtyLog.map { dirty in
      dirty.log.drain { dirty.note($0) }
      return dirty.count
    }
  }

  /// Takes the list of dirty pages and begins anew: D is cleared in the leaf of each, and what was cached with D set is dropped, so that the
  /// next write to any page is logged again.
  /// - Returns: how many there were; nil where no log is kept, or the guest has ended.
  public func collectDirtyPages() -> Int? {
    guard isRunning, let dirtyLog else { return nil }
    let count = dirtyPages
    var last: (frame: GuestFrame, leaf: EPTEntry)?
    dirtyLog.take { frame in
      let leaf = map.leaf(of: frame)
      guard leaf.isPresent && leaf.isDirty else { return }
      map.clearDirty(frame, leaf)
      last = (frame, leaf)
    }
    // One INVEPT drops what was cached of all of them.
    if let last { translator.guestPhysicalMapChanged(last.frame, old: last.leaf) }
    return count
  }
}
