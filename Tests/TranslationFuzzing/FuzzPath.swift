internal import Addressing
internal import PageTables

/// The entries that a walk of a guest's tables meets, read as words of the guest's memory.
struct FuzzPath {
  var places: [GuestPhysicalAddress] = []
  var words: [UInt64] = []
  /// The walk came to a table outside of the guest's memory.
  var isOutside = false
  /// The page that the leaf names.
  var target: (frame: GuestFrame?, isOutside: Bool)?

  init(_ address: GuestVirtualAddress, root: Int, _ controls: X86Controls, _ rig: FuzzRig) {
    guard X86Index.isCanonical(address, levels: controls.levels) else { return }
    places.reserveCapacity(5)
    words.reserveCapacity(5)
    var walk = X86Walk(
      address, root: GuestFrame(UInt64(root)).address, levels: controls.levels, reserved: controls.reservedBits)
    while true {
      guard walk.table.page.rawValue < UInt64(FuzzRig.guestFrames) else {
        isOutside = true
        return
      }
      let place = walk.entryAddress
      let word = rig.load(place)
      places.append(place)
      words.append(word)
      switch walk.step(X86Entry(rawValue: word)) {
      case .table: continue
      case .leaf:
        let isOutside = walk.target.rawValue >= UInt64(FuzzRig.guestFrames)
        target = (isOutside ? nil : walk.target, isOutside)
        return
      case .notPresent, .reserved: return
      }
    }
  }
}
