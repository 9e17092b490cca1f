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
