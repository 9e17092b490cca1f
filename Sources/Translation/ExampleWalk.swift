internal import Addressing
internal import PageContents
internal import PageTables

extension Translator {
  /// Pages that are tried before a guest counts as one without an example.
  static var exampleLimit: Int { 1 << 16 }

  /// A walk to show: of the lowest address that the guest's current tables map and that a read reaches now. Nothing is changed or counted.
  ///
  /// A page that is mapped need not be reached: the host may have swapped it out, or its shadow entry may not have been filled yet. Where
  /// no page is, the walk of the lowest address is told as far as it goes; nil where nothing is mapped at all.
  public func exampleWalk() -> WalkTranscript? {
    var first: WalkTranscript?
    var tried = 0
    do throws(Found) {
      try forEachMapping { mapping throws(Found) in
        let walk = recordWalk(mapping.address, .read, mapping.rights.isUser ? .user : .supervisor)
        if let walk, case .mapped = walk.outcome { throw Found(walk: walk) }
        if first == nil { first = walk }
        tried += 1
        if tried == Self.exampleLimit { throw Found(walk: first) }
      }
    } catch { return error.walk }
    return first
  }
}

/// The end of a search.
private struct Found: Error { let walk: WalkTranscript? }

extension FrameContents {
  /// The word at an aligned host-physical address; nil behind the end of the host's memory.
  func word(at address: UInt64) -> UInt64? {
    let place = HostPhysicalAddress(address)
    return place.page.rawValue < UInt64(frameCount) ? load(place) : nil
  }
}
