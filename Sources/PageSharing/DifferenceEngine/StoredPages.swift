public import Addressing
public import Columns

/// The pages that Difference Engine has taken: each as a delta against a stable frame, which it holds, or compressed.
///
/// The invariant: *a page's bytes can be made again at any time*: a delta's reference is held from before the page is taken until it is
/// forgotten, so neither its frame comes free nor its bytes change.
@usableFromInline final class StoredPages<Memory: ScannableMemory>: PageKeeper {
  /// A page as it is stored.
  struct Stored {
    /// The delta, or the compressed page.
    let bytes: [UInt8]
    /// What the delta is against; nil for a compressed page.
    let reference: HostFrame?
  }

  /// The memory keeps its keepers alive, not the other way round.
  private unowned let memory: Memory
  private var pages: [UInt32: Stored] = [:]
  private let reference = Column<UInt8>(count: PageDelta.pageBytes)
  private let compressor: PageCompressor

  /// Pages stored as deltas, and the bytes of those.
  private(set) var patched: UInt64 = 0
  private(set) var patchBytes: UInt64 = 0
  /// Pages stored compressed, and the bytes of those.
  private(set) var compressed: UInt64 = 0
  private(set) var compressedBytes: UInt64 = 0

  /// What is to be known of a stored page besides its bytes: where they are, how many, and the reference (assumed: two words).
  static var recordBytes: UInt64 { 16 }

  init(memory: Memory, compressor: PageCompressor) {
    self.memory = memory
    self.compressor = compressor
  }

  /// All that is kept for the stored pages, in bytes.
  var storedBytes: UInt64 { patchBytes + compressedBytes + (patched + compressed) * Self.recordBytes }

  /// Stores a page; a reference must be held already.
  func store(_ bytes: [UInt8], _ page: PageOrdinal, reference: HostFrame?) {
    pages[page.rawValue] = Stored(bytes: bytes, reference: reference)
    if reference != nil {
      (patched, patchBytes) = (patched + 1, patchBytes + UInt64(bytes.count))
    } else {
      (compressed, compressedBytes) = (compressed + 1, compressedBytes + UInt64(bytes.count))
    }
  }

  @usableFromInline func read(_ page: PageOrdinal, into target: borrowing Column<UInt8>) {
    guard let stored = pages[page.rawValue] else { preconditionFailure("a keeper is asked for a page that it has") }
    let isWhole: Bool
    if let frame = stored.reference {
      unsafe memory.withBytes(of: frame) { unsafe reference.copy(from: $0) }
      isWhole = PageDelta.decode(stored.bytes, against: reference, into: target)
    } else {
      isWhole = compressor.decompress(stored.bytes, into: target)
    }
    precondition(isWhole, "what was encoded here decodes")
  }

  @usableFromInline func forget(_ page: PageOrdinal) {
    guard let stored = pages.removeValue(forKey: page.rawValue) else { return }
    if let frame = stored.reference {
      (patched, patchBytes) = (patched - 1, patchBytes - UInt64(stored.bytes.count))
      memory.release(frame)
    } else {
      (compressed, compressedBytes) = (compressed - 1, compressedBytes - UInt64(stored.bytes.count))
    }
  }
}
