internal import Addressing
internal import PageTables
internal import TestSupport
internal import Translation

/// How the guest makes its changes of tables count.
extension FuzzGuest {
  func dropEverything() {
    for rig in rigs { rig.translator.invalidate(.allWithGlobals) }
    lesser.removeAll(keepingCapacity: true)
  }

  /// Makes stores count whose invalidation was put off.
  func settle() {
    guard isInvalidationDue else { return }
    isInvalidationDue = false
    dropEverything()
  }

  /// The pages whose walk goes through a word, under any root, if the invalidation asks for them.
  func pages(through place: GuestPhysicalAddress, _ how: FuzzInvalidation) -> [GuestVirtualAddress] {
    guard how == .pages, isTable[place.page.index] else { return [] }
    return Self.addresses.filter { address in
      (0..<Self.roots).contains { FuzzPath(address, root: $0, controls, rigs[0]).places.contains(place) }
    }
  }

  /// Does what the guest has chosen after a store to a table.
  /// - Parameter pages: those whose walk went through the word before the store.
  func invalidate(
    _ how: FuzzInvalidation, _ place: GuestPhysicalAddress, _ pages: [GuestVirtualAddress], from old: X86Entry, to new: X86Entry
  ) {
    guard old.isPresent else { return }
    switch how {
    case .everything: dropEverything()
    case .all where !setup.globals: for rig in rigs { rig.translator.invalidate(.all) }
    case .contexts where setup.pcids && !setup.globals:
      for pcid in 0..<4 as Range<UInt16> { for rig in rigs { rig.translator.invalidate(.context(PCID(pcid))) } }
    case .pages:
      for page in pages {
        for rig in rigs {
          rig.translator.invalidatePage(page)
          guard setup.pcids else { continue }
          for pcid in 0..<4 as Range<UInt16> { rig.translator.invalidate(.address(PCID(pcid), page)) }
        }
      }
    case .reload where !setup.pcids && !setup.globals: load(root: root, pcid: 0, keep: false)
    case .flip:
      controls.globalPages.toggle()
      adoptControls()
      controls.globalPages.toggle()
      adoptControls()
    case .lazy where isGain(from: old, to: new):
      let rights = old.rawValue & Self.rights
      if rights != new.rawValue & Self.rights, lesser[place]?.contains(rights) != true { lesser[place, default: []].append(rights) }
    case .later: isInvalidationDue = true
    case .all, .contexts, .reload, .lazy: dropEverything()
    }
  }

  // MARK: Gains without an invalidation

  private static let rights = X86Entry.writable | X86Entry.user | X86Entry.noExecute

  /// Whether all that an entry has become is more permissive. A page that becomes the user's is the kernel's no more under SMEP and SMAP,
  /// and falls under protection keys: a gain where none of them is on.
  private func isGain(from old: X86Entry, to new: X86Entry) -> Bool {
    let isUserGain = !controls.smep && !controls.smap && !controls.protectionKeys
    let gains = X86Entry.writable | X86Entry.accessed | X86Entry.dirty | (isUserGain ? X86Entry.user : 0)
    return old.rawValue & ~new.rawValue & ~X86Entry.noExecute == 0 && new.rawValue & ~old.rawValue & ~gains == 0
  }

  /// The error codes with which an access may be refused once though its tables no longer say so: what the rule gives where any of the
  /// entries above the leaf still has rights that it had before it gained some without an invalidation.
  func spuriousFaults(_ path: FuzzPath, _ kind: AccessKind, _ privilege: Privilege) -> [UInt32] {
    guard !lesser.isEmpty, !path.isOutside, path.words.count > 1 else { return [] }
    var variants = [path.words]
    for (index, place) in path.places.dropLast().enumerated() {
      for rights in lesser[place] ?? [] {
        variants += variants.map { words in
          var words = words
          words[index] = words[index] & ~Self.rights | rights
          return words
        }
      }
    }
    guard variants.count > 1 else { return [] }
    return variants.indices.compactMap { number in
      rule.access(&variants[number], kind: kind.rawValue, isUser: privilege == .user, levels: controls.levels)
    }
  }
}
