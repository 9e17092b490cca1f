import TestSupport
import Testing

@testable import Laboratory

@Suite("The event queue")
struct EventQueueTests {
  @Test("gives events in the order of time, as a sorted array does", arguments: 1...5 as ClosedRange<UInt64>)
  func agreesWithSortedArray(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var queue = EventQueue<Int>()
    var twin: [(time: UInt64, event: Int)] = []
    for event in 0..<2000 {
      if Int.random(in: 0..<3, using: &random) > 0 {
        let time = UInt64.random(in: 0..<50, using: &random)
        queue.schedule(event, at: time)
        // Behind all of the same time.
        twin.insert((time, event), at: twin.firstIndex { $0.time > time } ?? twin.count)
      } else {
        #expect(queue.nextTime == twin.first?.time)
        let next = queue.next()
        #expect(next?.time == twin.first?.time && next?.event == twin.first?.event)
        if !twin.isEmpty { twin.removeFirst() }
      }
    }
    for expected in twin { #expect(queue.next()?.event == expected.event) }
    #expect(queue.next() == nil && queue.nextTime == nil)
  }

  @Test("keeps the order of scheduling among events of one time")
  func keepsOrder() {
    var queue = EventQueue<Int>()
    for event in 0..<100 { queue.schedule(event, at: UInt64.max) }
    #expect((0..<100).map { _ in queue.next()?.event } == Array(0..<100))
  }
}
