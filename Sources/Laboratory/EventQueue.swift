/// # Laboratory: a plan becomes a run
///
/// A run is a list of things that happen at moments of virtual time: a guest's tick, a batch of the scanner, a decision of the policy, a step of
/// a balloon, a window of accesses, a sample. Each is an event on one queue; carrying it out may put the next of its kind on the queue
/// again. Nothing else moves time, and nothing reads a clock on the wall.
///
/// The invariant: *events happen in the order of (time, sequence)*, where the sequence counts the events as they were scheduled. Both are
/// integers and every event is deterministic, so one scenario and one seed give one run, to the last byte, on any machine.

/// Events in order of time; those of one time in the order in which they were scheduled. A binary heap.
struct EventQueue<Event> {
  private struct Entry {
    let time: UInt64
    let sequence: UInt64
    let event: Event

    func precedes(_ other: Entry) -> Bool { (time, sequence) < (other.time, other.sequence) }
  }

  private var heap: [Entry] = []
  private var scheduled: UInt64 = 0

  /// The time of the next event.
  var nextTime: UInt64? { heap.first?.time }

  /// Schedules an event at a time.
  mutating func schedule(_ event: Event, at time: UInt64) {
    heap.append(Entry(time: time, sequence: scheduled, event: event))
    scheduled += 1
    var child = heap.count - 1
    while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the next event.
  mutating func next() -> (time: UInt64, event: Event)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sift()
    }
    return (first.time, first.event)
  }

  private mutating func sift() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least]) { least = child }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
