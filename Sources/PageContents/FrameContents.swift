internal import Glibc
public import Addressing
public import Columns

/// What every frame of a host holds: a descriptor, or real bytes where somebody wrote words.
///
/// Real bytes live in a pool of page slots; a frame's descriptor then names its slot. A frame
/// goes from descriptor to bytes at its first word store and back when its whole content is replaced.
public final class FrameContents {
  /// How many frames there are.
  public let frameCount: Int
  @usableFromInline let descriptors: Column<UInt64>
  @usableFromInline let pool: BytePool
  private let scratchA = Column<UInt64>(count: PageContent.wordCount)
  private let scratchB = Column<UInt64>(count: PageContent.wordCount)
  /// Frames whose checksum was computed since their content last changed.
  private let checksummed: BitColumn
  /// One number: how often any content changed. In a column because a class's own variables pay for an exclusivity check at each access.
  private let changeCount = Column<UInt64>(count: 1)
  /// One number: see `walkChanges`.
  @usableFromInline let walkChangeCount = Column<UInt64>(count: 1, repeating: 1)

  /// Contents of `frameCount` frames, all zero pages, of which at most `detachedCapacity` contents are detached at a time.
  public init(frameCount: Int, detachedCapacity: Int = 0) {
    self.frameCount = frameCount
    pool = BytePool(capacity: frameCount + detachedCapacity)
    descriptors = Column(count: frameCount)
    checksummed = BitColumn(count: frameCount)
  }

  /// How often the content of any frame was changed: equal counts, equal contents.
  public var changes: UInt64 { changeCount[0] }

  /// Whether the frame's content is what it was when `noteChecksummed` was last called for it.
  public func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool { checksummed[frame.index] }

  /// Somebody has just computed a checksum of the frame.
  public func noteChecksummed(_ frame: HostFrame) { checksummed[frame.index] = true }

  /// Every change of a frame's content passes through here.
  @inline(__always) private func noteChange(_ frame: HostFrame) {
    changeCount[0] &+= 1
    checksummed[frame.index] = false
  }

  @inline(__always) private func descriptor(_ frame: HostFrame) -> PageContent { PageContent(rawValue: descriptors[frame.index]) }

  /// The frame's descriptor, or nil where it holds real bytes.
  public func content(of frame: HostFrame) -> PageContent? {
    let content = descriptor(frame)
    return content.kind == .bytes ? nil : content
  }

  /// Replaces the frame's whole content.
  public func setContent(_ content: PageContent, of frame: HostFrame) {
    precondition(content.kind != .bytes, "a frame's content is set to a descriptor, not to another frame's bytes")
    noteChange(frame)
    releaseBytes(of: frame)
    descriptors[frame.index] = content.rawValue
  }

  // MARK: Frames that walks rest on

  /// Grows whenever anything changes that what is remembered of a walk may rest on: a watched frame, or whatever `noteWalkChange` was
  /// called for. Never 0.
  @inlinable @inline(__always) public var walkChanges: UInt64 { walkChangeCount[0] }

  /// What is remembered of walks is not to be relied on any more.
  public func noteWalkChange() { walkChangeCount[0] &+= 1 }

  /// Has `walkChanges` grow when the frame's bytes move elsewhere or go, with `words` also when one of them changes; until it next grows on
  /// the frame's account.
  /// - Returns: the words; nil where the frame holds none.
  public func watch(_ frame: HostFrame, words: Bool) -> WatchedWords? {
    let content = descriptor(frame)
    guard content.kind == .bytes else { return nil }
    descriptors[frame.index] = content.rawValue | (words ? Watch.words : Watch.slot)
    return unsafe WatchedWords(pool.slot(content))
  }

  /// Bits of a descriptor of real bytes, beside the slot, that say who wants to know of changes.
  private enum Watch {
    static let words: UInt64 = 1 << 32
    static let slot: UInt64 = 1 << 33
    static let all = words | slot
  }

  /// How many pages hold real bytes, in frames and detached.
  public var framesWithBytes: Int { pool.used }

  // MARK: Words and bytes

  /// The little-endian word at an index from 0 to 511.
  public func loadWord(_ index: Int, of frame: HostFrame) -> UInt64 { word(at: index, of: descriptor(frame)) }

  @inline(__always) private func word(at index: Int, of content: PageContent) -> UInt64 {
    precondition(UInt(bitPattern: index) < UInt(PageContent.wordCount), "word index out of a page's bounds")
    guard content.kind == .bytes else { return content.word(at: index) }
    // SAFETY: a slot holds 512 words and the index was just checked.
    return unsafe UInt64(littleEndian: pool.slot(content)[index])
  }

  /// Stores a little-endian word; the frame holds real bytes from then on.
  public func storeWord(_ value: UInt64, _ index: Int, of frame: HostFrame) {
    precondition(UInt(bitPattern: index) < UInt(PageContent.wordCount), "word index out of a page's bounds")
    // SAFETY: a slot holds 512 words and the index was just checked.
    unsafe bytes(of: frame)[index] = value.littleEndian
  }

  /// The word that contains a host physical address, which must be 8-byte aligned and inside the host's memory.
  @inlinable @inline(__always) public func load(_ address: HostPhysicalAddress) -> UInt64 {
    let held = PageContent(rawValue: descriptors[address.page.index])
    let index = Int(truncatingIfNeeded: address.rawValue >> 3 & 511)
    return held.kind == .bytes ? pool.word(index, of: held) : held.word(at: index)
  }

  /// The same word where the frame holds real bytes, else 0, whatever it holds. For page walks, which make up to 24 loads for an access:
  /// page tables hold real bytes, and a walk looks again, by `load`, at a word that it does not expect.
  @inlinable @inline(__always) public func loadHeld(_ address: HostPhysicalAddress) -> UInt64 {
    let held = PageContent(rawValue: descriptors[address.page.index])
    return held.kind == .bytes ? pool.word(Int(truncatingIfNeeded: address.rawValue >> 3 & 511), of: held) : 0
  }

  /// Stores the word at a host physical address, which must be 8-byte aligned and inside the host's memory.
  @inline(__always) public func store(_ value: UInt64, _ address: HostPhysicalAddress) {
    storeWord(value, Int(address.rawValue >> 3 & 511), of: address.page)
  }

  /// Copies bytes into the frame from `offset`; the range must lie inside the page.
  public func write(_ source: UnsafeRawBufferPointer, at offset: Int, of frame: HostFrame) {
    precondition(offset >= 0 && source.count <= PageContent.byteCount - offset, "bytes out of a page's bounds")
    let target = unsafe UnsafeMutableRawBufferPointer(start: bytes(of: frame), count: PageContent.byteCount)
    // SAFETY: both ranges were just checked.
    unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
  }

  /// Replaces the frame's whole content by a column's 4096 bytes. If they are what `guess` describes, the frame holds that.
  public func setBytes(_ page: borrowing Column<UInt8>, of frame: HostFrame, guess: PageContent) {
    if (0..<PageContent.wordCount).allSatisfy({ page.word(at: $0 * 8) == guess.word(at: $0) }) { return setContent(guess, of: frame) }
    page.withSpan(0..<PageContent.byteCount) { span in
      unsafe span.withUnsafeBytes { unsafe write($0, at: 0, of: frame) }
    }
  }

  /// Whether the frame holds a column's 4096 bytes.
  public func holds(_ page: borrowing Column<UInt8>, _ frame: HostFrame) -> Bool {
    (0..<PageContent.wordCount).allSatisfy { loadWord($0, of: frame) == page.word(at: $0 * 8) }
  }

  /// Shows the frame's 4096 bytes to `body`. The buffer is valid during the call only and may be the scratch page of these contents: `body`
  /// must not change any frame, nor compare, hash or show another one.
  public func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe withPage(descriptor(frame), scratch: scratchA, body)
  }

  private func withPage<Result>(_ content: PageContent, scratch: borrowing Column<UInt64>, _ body: (UnsafeRawBufferPointer) -> Result)
    -> Result
  {
    if content.kind == .bytes {
      return unsafe body(UnsafeRawBufferPointer(start: pool.slot(content), count: PageContent.byteCount))
    }
    return unsafe scratch.withBuffer { buffer in
      unsafe content.expand(into: UnsafeMutableRawBufferPointer(buffer))
      return unsafe body(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Gives the frame real bytes, keeping its content, and returns them; they are valid until its content is replaced.
  private func bytes(of frame: HostFrame) -> UnsafeMutablePointer<UInt64> {
    noteChange(frame)
    let content = descriptor(frame)
    if content.kind == .bytes {
      noteWordChange(of: frame, content)
      return unsafe pool.slot(content)
    }
    let held = pool.take()
    let words = unsafe pool.slot(held)
    unsafe content.expand(into: UnsafeMutableRawBufferPointer(start: words, count: PageContent.byteCount))
    descriptors[frame.index] = held.rawValue
    return unsafe words
  }

  private func releaseBytes(of frame: HostFrame) {
    let content = descriptor(frame)
    guard content.kind == .bytes else { return }
    if content.rawValue & Watch.all != 0 { noteWalkChange() }
    pool.giveBack(content)
  }

  /// Words of a frame with real bytes change.
  @inline(__always) private func noteWordChange(of frame: HostFrame, _ content: PageContent) {
    guard content.rawValue & Watch.words != 0 else { return }
    noteWalkChange()
    descriptors[frame.index] = content.rawValue & ~Watch.words
  }

  // MARK: Whole pages

  /// Makes `target`'s content that of `source`.
  public func copy(_ source: HostFrame, to target: HostFrame) {
    let content = descriptor(source)
    guard content.kind == .bytes else { return setContent(content, of: target) }
    guard source != target else { return }
    noteChange(target)
    var overwritten = descriptor(target)
    if overwritten.kind != .bytes {
      overwritten = pool.take()
      descriptors[target.index] = overwritten.rawValue
    } else {
      noteWordChange(of: target, overwritten)
    }
    // SAFETY: two different slots of 512 words each.
    unsafe pool.slot(overwritten).update(from: pool.slot(content), count: PageContent.wordCount)
  }

  /// Whether two frames hold the same 4096 bytes. Compares bytes unless the descriptors are the same.
  public func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool { order(a, b) == 0 }

  /// -1, 0 or 1 as `a`'s bytes stand before, equal or after `b`'s in `memcmp` order.
  public func order(_ a: HostFrame, _ b: HostFrame) -> Int {
    let (left, right) = (descriptor(a), descriptor(b))
    if left == right { return 0 }
    // Most pages that differ do so in their first eight bytes, which as a big-endian number stand in memcmp's order.
    let (first, second) = (word(at: 0, of: left).byteSwapped, word(at: 0, of: right).byteSwapped)
    if first != second { return first < second ? -1 : 1 }
    return unsafe withPage(left, scratch: scratchA) { leftBytes in
      // SAFETY: both buffers hold 4096 bytes.
      unsafe withPage(right, scratch: scratchB) { rightBytes in
        unsafe Int(memcmp(leftBytes.baseAddress!, rightBytes.baseAddress!, PageContent.byteCount)).signum()
      }
    }
  }

  /// Whether the frame holds the bytes that a descriptor describes.
  public func holds(_ content: PageContent, _ frame: HostFrame) -> Bool {
    let held = descriptor(frame)
    if held == content { return true }
    return (0..<PageContent.wordCount).allSatisfy { loadWord($0, of: frame) == content.word(at: $0) }
  }

  /// Whether the frame holds 4096 zero bytes.
  public func isZero(_ frame: HostFrame) -> Bool {
    let content = descriptor(frame)
    guard content.kind == .bytes else { return content == .zero }
    return unsafe withBytes(of: frame) { unsafe PageHash.isZero($0) }
  }

  /// The checksum that Linux KSM would keep of the frame.
  public func ksmChecksum(of frame: HostFrame) -> UInt32 { unsafe withBytes(of: frame) { unsafe PageHash.ksmChecksum($0) } }

  /// The 64-bit hash that indexes of contents are keyed by.
  public func indexHash(of frame: HostFrame) -> UInt64 { unsafe withBytes(of: frame) { unsafe PageHash.index($0) } }

  // MARK: Detached contents

  /// Takes the content out of a frame, leaving a zero page: what a swap device stores. Real bytes move, they are not copied.
  public func take(from frame: HostFrame) -> DetachedContent {
    noteChange(frame)
    let content = descriptor(frame)
    descriptors[frame.index] = 0
    guard content.kind == .bytes else { return DetachedContent(rawValue: content.rawValue) }
    if content.rawValue & Watch.all != 0 { noteWalkChange() }
    return DetachedContent(rawValue: content.rawValue & ~Watch.all)
  }

  /// Puts a detached content into a frame. Each detached content is put or dropped exactly once.
  public func put(_ content: DetachedContent, into frame: HostFrame) {
    noteChange(frame)
    releaseBytes(of: frame)
    descriptors[frame.index] = content.rawValue
  }

  /// Forgets a detached content.
  public func drop(_ content: DetachedContent) {
    let held = PageContent(rawValue: content.rawValue)
    if held.kind == .bytes { pool.giveBack(held) }
  }

  /// The word at an index from 0 to 511 of a detached content.
  public func loadWord(_ index: Int, of content: DetachedContent) -> UInt64 {
    word(at: index, of: PageContent(rawValue: content.rawValue))
  }
}

/// A page's content outside any frame, as a swap device holds it. A column of zero bits holds zero pages.
@frozen public struct DetachedContent: BitwiseCopyable, Sendable {
  @usableFromInline let rawValue: UInt64
  @usableFromInline init(rawValue: UInt64) { self.rawValue = rawValue }
}
