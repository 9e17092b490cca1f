public import Addressing
public import PageContents

/// The page-modification log (Intel SDM 29.3.6): 512 words in a frame, to which a processor writes the address of every guest page whose D
/// bit it sets in a guest-physical map.
///
/// It is filled downwards from the last word; the index is the place of the next one, and one below zero is 0xffff. Before a D bit would be
/// set while the index names no place, the log is full: the access is not made, nothing is marked, and the processor exits with reason 62.
/// The hypervisor then takes the pages, `drain`, and the access is made again.
public final class PageModificationLog {
  /// Words in the log: 512.
  public static let capacity = 512
  /// The basic exit reason of a full log (Intel SDM table C-1).
  public static let exitReason: UInt32 = 62

  /// The frame that holds the log.
  public let frame: HostFrame
  private let contents: FrameContents
  /// The PML index, as the guest-state field holds it: 511 when empty, 0xffff when full.
  public private(set) var index: UInt16

  /// A log in a frame that is the caller's to give, empty.
  public init(contents: FrameContents, frame: HostFrame) {
    self.contents = contents
    self.frame = frame
    index = UInt16(Self.capacity - 1)
  }

  /// Who is told of the logged pages when the log is full; nobody by default.
  public var receiver: ((GuestFrame) -> Void)?

  /// How often the log was full and was emptied to its receiver.
  public private(set) var deliveries: UInt64 = 0

  /// How many pages were logged since the start, a page each time that its D bit was set.
  public private(set) var logged: UInt64 = 0

  /// Empties a full log to its receiver.
  public func deliver() {
    deliveries += 1
    drain { receiver?($0) }
  }

  /// Whether the next page does not fit.
  public var isFull: Bool { index >= Self.capacity }

  /// How many pages are logged.
  public var count: Int { isFull ? Self.capacity : Self.capacity - 1 - Int(index) }

  /// Logs the page of an address.
  /// - Returns: false, with nothing logged, where the log is full.
  public func log(_ address: GuestPhysicalAddress) -> Bool {
    guard !isFull else { return false }
    contents.storeWord(address.aligned(to: .size4K).rawValue, Int(index), of: frame)
    index &-= 1
    logged += 1
    return true
  }

  /// Gives the logged pages to `body`, the first logged first, and empties the log.
  public func drain(_ body: (GuestFrame) -> Void) {
    let logged = count
    index = UInt16(Self.capacity - 1)
    for place in stride(from: Self.capacity - 1, to: Self.capacity - 1 - logged, by: -1) {
      body(GuestPhysicalAddress(contents.loadWord(place, of: frame)).page)
    }
  }
}
