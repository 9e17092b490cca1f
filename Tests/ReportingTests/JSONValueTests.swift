import Foundation
import Reporting
import Testing

@Suite("JSON documents")
struct JSONValueTests {
  @Test("Members keep the order in which they were written")
  func membersKeepTheirOrder() {
    let value: JSONValue = ["z": .count(1), "a": .integer(-2), "m": ["k": .null, "b": .bool(true)]]
    #expect(value.text(.line) == #"{"z": 1, "a": -2, "m": {"k": null, "b": true}}"#)
  }

  @Test("The pretty layout indents by two spaces and keeps empty lists and objects on one line")
  func prettyLayout() {
    let value: JSONValue = ["list": [.count(1), "two"], "none": [], "nothing": .object([])]
    #expect(value.text() == "{\n  \"list\": [\n    1,\n    \"two\"\n  ],\n  \"none\": [],\n  \"nothing\": {}\n}\n")
  }

  @Test(
    "Numbers are the shortest that read back exactly; what is no number is null",
    arguments: [
      (0.1, "0.1"), (1.0, "1.0"), (1e-5, "1e-05"), (1e300, "1e+300"), (Double.nan, "null"), (.infinity, "null"), (-.infinity, "null"),
    ])
  func realNumbers(value: Double, text: String) {
    #expect(JSONValue.real(value).text(.line) == text)
  }

  @Test("The largest count is exact") func largestCount() {
    #expect(JSONValue.count(.max).text(.line) == "18446744073709551615")
  }

  @Test("Another reader of JSON gets back every text, control characters and all", arguments: [JSONValue.Layout.pretty, .line])
  func textsSurvive(layout: JSONValue.Layout) throws {
    let text = String(String.UnicodeScalarView((0..<0x250).compactMap(Unicode.Scalar.init))) + "\u{2028}\u{1F4BE}"
    let read = try JSONSerialization.jsonObject(with: Data(JSONValue.array([.string(text)]).text(layout).utf8))
    #expect(read as? [String] == [text])
  }

  @Test("A path chooses members by key and list elements by name")
  func paths() {
    let value: JSONValue = [
      "sharing": ["merges": .count(3)],
      "vms": [["name": "web", "exits": ["ept_violation": .count(7)], "slowdown": .real(1.5)], ["name": "db", "exits": .object([])]],
      "profit": .integer(-64), "text": "3",
    ]
    #expect(value.number(at: "sharing.merges") == 3)
    #expect(value.number(at: "vms.web.exits.ept_violation") == 7)
    #expect(value.number(at: "vms.web.slowdown") == 1.5)
    #expect(value.number(at: "profit") == -64)
    for path in ["", ".", "sharing", "sharing.", "vms.0", "vms.web", "vms.db.exits.ept_violation", "text", "vms.web.name.x"] {
      #expect(value.number(at: path) == nil, "\(path)")
    }
  }

  @Test("A name may hold periods, and the longest name that leads somewhere is taken")
  func namesWithPeriods() {
    let value: JSONValue = [["name": "a", "b": ["x": .count(1)], "y": .count(9)], ["name": "a.b", "x": .count(2)]]
    #expect(value.number(at: "a.b.x") == 2)
    #expect(value.number(at: "a.y") == 9)
  }
}
