public import Addressing
internal import Files
internal import PageTables

/// # Image tables: a recorded guest's own page tables
///
/// A guest's page tables are words of its memory, and an image has them all. `ImageTables` gives them to the walks of module PageTables by
/// their guest-physical addresses, whatever the format of the image.
///
/// The invariant: *a word is the image's, or there is none*. A dump need not hold all memory (firmware and devices have holes below 4 GiB;
/// a dump of tables alone has nothing else), and a corrupt entry may point anywhere: then the word is nil and the first such address is
/// noted, for whoever has to tell the image's owner.
public final class ImageTables {
  /// The image.
  public let image: MemoryImage
  /// The first address whose word was asked for and is not in the image.
  public private(set) var firstMissing: GuestPhysicalAddress?
  /// The run that held the last word: tables lie close together.
  private var lastRun: MemoryImage.Run
  /// Every page of which a word was read, where that was asked for.
  private var pagesRead: Set<UInt64>?

  /// The tables of an image.
  /// - Parameter notesPages: whether `pages` will be asked for.
  /// - Throws: if the image is a process's memory, whose addresses are not physical.
  public init(_ image: MemoryImage, notesPages: Bool = false) throws(ImageError) {
    guard image.space == .physical, let first = image.runs.first else {
      throw ImageError(
        image.file.path, .incompatible, "it records a process's own memory, and page tables are found by guest-physical addresses")
    }
    self.image = image
    lastRun = first
    pagesRead = notesPages ? [] : nil
  }

  /// The little-endian word at an address; nil where the image has none.
  public func word(at address: GuestPhysicalAddress) -> UInt64? {
    let place = address.rawValue
    if place < lastRun.address || place >= lastRun.endAddress {
      guard let run = image.run(at: place) else {
        if firstMissing == nil { firstMissing = address }
        return nil
      }
      lastRun = run
    }
    pagesRead?.insert(address.page.rawValue)
    return image.file.integer(at: lastRun.offset + Int(place - lastRun.address))
  }

  /// How many visits of tables no sound tree of this image needs: 4096, and 16 for each of its pages, at most 2^24. A tree has no more
  /// tables than there are pages, and kernels reach few of them twice; one that contains itself often would otherwise be listed for days.
  public var tableLimit: Int { min(1 << 24, 4096 + 16 * min(image.pageCount, 1 << 24)) }

  /// Fails unless the image has a whole table at a root.
  public func checkRoot(_ root: GuestPhysicalAddress) throws(ImageError) {
    let place = GuestPhysicalAddress(root.rawValue & X86Entry.frameMask)
    guard image.run(at: place.rawValue) == nil else { return }
    let last = image.runs.last.map { ": its last byte is at \(MemoryImage.hex($0.endAddress - 1))" } ?? ""
    throw ImageError(image.file.path, .incompatible, "the image has no memory at \(place), where CR3 puts the top table\(last)")
  }

  /// Fails if the file became shorter while it was read: then the words were not its own.
  public func checkIntact() throws(ImageError) {
    guard image.file.isIntact else { throw ImageError.changed(image.file.path) }
  }

  /// The pages of which words were read, ascending.
  public var pages: [GuestFrame] { (pagesRead ?? []).sorted().map { GuestFrame($0) } }

  /// Writes the pages of which words were read as a LiME dump: the page tables of a guest without anything else of its memory.
  public func writePages(to path: String) throws(ImageError) {
    let pages = pages
    let file = try OutputFile(path)
    var next = 0
    while next < pages.count {
      var end = next + 1
      while end < pages.count, pages[end].rawValue == pages[end - 1].rawValue + 1 { end += 1 }
      try file.append(MemoryImage.limeMagic)
      try file.append(UInt32(1))
      try file.append(pages[next].address.rawValue)
      try file.append(pages[end - 1].address.rawValue + UInt64(MemoryImage.pageSize) - 1)
      try file.append(UInt64(0))
      for page in pages[next..<end] {
        guard let offset = image.offset(of: page.address.rawValue),
          let bytes = image.file.bytes(offset..<offset + MemoryImage.pageSize)
        else { throw ImageError.changed(image.file.path) }
        try file.append(bytes)
      }
      next = end
    }
    try file.commit()
  }
}
