internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

/// P2M and M2P: which machine frame each guest frame has, and back, as words in frames of the host that the guest may read.
///
/// The invariant: *M2P of P2M is the identity* for every frame that the guest owns, and every other word of either is `invalid`. So M2P
/// answers whose a frame is: a number out of a guest's table is looked up there, and nothing else has to be asked.
///
/// Both are made in parts of 512 words, each when the first frame in it is noted. M2P is as long as the host, and the parts of it that
/// exist are few where the guest's memory lies close together.
struct MachineFrames: ~Copyable {
  private let contents: FrameContents
  private let frames: any TableFrameSource
  private let guestPages: UInt64
  /// The frame of each part of P2M plus one, or 0.
  private let forward: Column<UInt64>
  /// The same of M2P.
  private let backward: Column<UInt64>
  /// How many frames of the guest each part of M2P names.
  private let named: Column<UInt16>

  /// What an entry holds that names nothing (Xen: INVALID_P2M_ENTRY).
  static let invalid: UInt64 = .max
  private static let shift: UInt64 = 9

  /// Empty tables.
  init(contents: FrameContents, frames: any TableFrameSource, guestPages: UInt64) {
    self.contents = contents
    self.frames = frames
    self.guestPages = guestPages
    forward = Column(count: Int(clamping: (guestPages + 511) >> Self.shift))
    let parts = (contents.frameCount + 511) >> Int(Self.shift)
    backward = Column(count: parts, isSparse: true)
    named = Column(count: parts, isSparse: true)
  }

  /// Makes a part if there is none yet; false where the host has no frame for it.
  private func makePart(_ part: Int, of table: borrowing Column<UInt64>) -> Bool {
    if table[part] != 0 { return true }
    guard let frame = frames.allocateTableFrame() else { return false }
    contents.setContent(.repeated(0xff), of: frame)
    table[part] = frame.rawValue + 1
    return true
  }

  /// A word of a part that exists; `invalid` in one that does not.
  @inline(__always) private func word(_ number: UInt64, of table: borrowing Column<UInt64>) -> UInt64 {
    let frame = table[Int(truncatingIfNeeded: number >> Self.shift)]
    return frame == 0 ? Self.invalid : contents.loadWord(Int(truncatingIfNeeded: number & 511), of: HostFrame(frame &- 1))
  }

  private func store(_ word: UInt64, _ number: UInt64, of table: borrowing Column<UInt64>) {
    contents.storeWord(word, Int(number & 511), of: HostFrame(table[Int(number >> Self.shift)] - 1))
  }

  /// P2M.
  @inline(__always) func machineFrame(of frame: GuestFrame) -> HostFrame? {
    guard frame.rawValue < guestPages else { return nil }
    let word = word(frame.rawValue, of: forward)
    return word == Self.invalid ? nil : HostFrame(word)
  }

  /// M2P.
  @inline(__always) func guestFrame(of frame: HostFrame) -> GuestFrame? {
    guard frame.rawValue >> Self.shift < UInt64(backward.count) else { return nil }
    let word = word(frame.rawValue, of: backward)
    return word == Self.invalid ? nil : GuestFrame(word)
  }

  /// Notes that a guest frame has a machine frame.
  /// - Returns: false, with nothing changed that a guest could see, where the host has no frame for a part.
  func set(_ guest: GuestFrame, to machine: HostFrame) -> Bool {
    let part = Int(machine.rawValue >> Self.shift)
    guard makePart(Int(guest.rawValue >> Self.shift), of: forward), makePart(part, of: backward) else { return false }
    // Counted first, so that the part stays if the guest's old frame was the only other one in it.
    named[part] += 1
    clear(guest)
    store(machine.rawValue, guest.rawValue, of: forward)
    store(guest.rawValue, machine.rawValue, of: backward)
    return true
  }

  /// Notes that a guest frame has no machine frame.
  func clear(_ guest: GuestFrame) {
    guard let machine = machineFrame(of: guest) else { return }
    let part = Int(machine.rawValue >> Self.shift)
    store(Self.invalid, guest.rawValue, of: forward)
    store(Self.invalid, machine.rawValue, of: backward)
    named[part] -= 1
    guard named[part] == 0 else { return }
    free(part, of: backward)
  }

  private func free(_ part: Int, of table: borrowing Column<UInt64>) {
    frames.freeTableFrame(HostFrame(table[part] - 1))
    table[part] = 0
  }

  /// Calls `body` with every word of M2P that names a guest frame.
  func forEachMachineFrame(_ body: (HostFrame, GuestFrame) -> Void) {
    for part in 0..<backward.count where backward[part] != 0 {
      for index in 0..<512 {
        let machine = HostFrame(part << Int(Self.shift) + index)
        if let guest = guestFrame(of: machine) { body(machine, guest) }
      }
    }
  }

  /// Gives all frames back.
  func destroy() {
    for part in 0..<forward.count where forward[part] != 0 { free(part, of: forward) }
    for part in 0..<backward.count where backward[part] != 0 { free(part, of: backward) }
  }
}
