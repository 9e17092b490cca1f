internal import Laboratory
internal import Translation

/// A page walk as a report shows it: drawn, with a caption that says how its references are counted, and told in words.
struct DrawnWalk {
  /// Its name among the page's identifiers.
  let name: String
  let heading: String
  let picture: String
  let caption: String
  /// Every reference as a line of text.
  let explanation: String

  init(_ walk: MachineWalk) {
    let transcript = walk.transcript
    let mode = walk.paging.rawValue
    name = "walk-\(mode)"
    heading = "\(mode.prefix(1).uppercased() + mode.dropFirst()) paging: \(walk.vm)"
    picture = WalkFigure.svg(transcript, name: name)
    caption = Self.count(transcript) + " " + Self.meaning(walk)
    explanation = WalkText.explanation(transcript)
  }

  /// The count of references and its closed form.
  private static func count(_ walk: WalkTranscript) -> String {
    let counted = "\(walk.steps.count) \(walk.steps.count == 1 ? "reference" : "references")"
    guard case .mapped = walk.outcome else { return "\(counted) until the walk stops: \(WalkWords.ending(walk))." }
    let (guest, host) = (walk.guestDepth, walk.hostDepth)
    if walk.switches {
      return "\(counted) = g + nh = \(walk.shadowDepth + guest) + \(guest) \u{00d7} \(host), with the \(guest) lowest of "
        + "\(walk.shadowDepth + guest) levels nested over \(host) of the host's."
    }
    guard walk.hostRoot != nil else { return "\(counted), one for each of \(guest) levels: (g + 1)(h + 1) \u{2212} 1 with h = 0." }
    let closed = WalkTranscript.references(guest: guest, host: host)
    let form = "(g + 1)(h + 1) \u{2212} 1"
    let levels = "\(guest) levels of the guest's tables over \(host) of the host's"
    return closed == walk.steps.count
      ? "\(counted) = \(form) = (\(guest) + 1)(\(host) + 1) \u{2212} 1, for \(levels)."
      : "\(counted), of \(form) = \(closed) for \(levels): large pages of the host's end some of its walks sooner."
  }

  /// What was walked, and what it leaves out.
  private static func meaning(_ walk: MachineWalk) -> String {
    switch walk.paging {
    case .native: "The guest's tables alone, as on a machine without a hypervisor. Addresses are the guest's physical ones."
    case .nested: "Each row finds one entry of the guest's, the last one the page itself, by a walk of the host's tables."
    case .shadow:
      "These are the hypervisor's shadow tables, which the processor walks in place of the guest's: from virtual to host addresses at once. "
        + "Keeping them true costs exits."
    case .agile:
      walk.transcript.switches
        ? "The upper entries are the hypervisor's shadow tables; an entry with the switching bit leads to the guest's own, which are nested."
        : walk.transcript.hostRoot == nil
          ? "Every table on this way is shadowed at the end of the run, so that agile paging walks as shadow paging does."
          : "This address space is fully nested at the end of the run, so that agile paging walks as nested paging does."
    case .direct: "The guest's own tables, which hold host frames: the hypervisor has checked each entry before it was stored."
    }
  }
}
