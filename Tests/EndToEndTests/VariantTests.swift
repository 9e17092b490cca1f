import Foundation
import Testing

/// `memlab run` of a scenario with variants, from outside.
@Suite struct VariantTests {
  private static let scenario =
    BrokenInput.sound + """
      variants:
        - {name: none, set: {sharing.scanner: none}}
        - {name: ksm, set: {sharing.scanner: ksm, sharing.pages_to_scan: 2000}}

      """

  private func workshop() throws -> Workshop {
    let shop = try Workshop()
    try shop.write("s.yaml", Self.scenario)
    return shop
  }

  /// The files of a folder but for manifests, and their bytes.
  private func files(_ shop: Workshop, _ folder: String) -> [String: Data] {
    let names = shop.listing.map { String($0.split(separator: " ")[0]) }.filter { $0.hasPrefix(folder + "/") && $0.contains(".") }
    let kept = names.filter { !$0.hasSuffix("manifest.json") }
    return Dictionary(uniqueKeysWithValues: kept.map { (String($0.dropFirst(folder.count)), shop.contents($0)) })
  }

  @Test("Each variant's folder is that of a run with its settings, however many run at a time")
  func folders() throws {
    let shop = try workshop()
    for threads in ["1", "2"] {
      let run = try MemlabProcess.run(["run", "s.yaml", "--out", threads, "--threads", threads, "--quiet"], in: shop)
      #expect(run.status == 0, "\(run.errors)")
    }
    let race = files(shop, "1")
    #expect(race == files(shop, "2") && race.count > 40)
    let settings = ["--set", "sharing.scanner=ksm", "--set", "sharing.pages_to_scan=2000", "--set", "variants=[]"]
    #expect(try MemlabProcess.run(["run", "s.yaml", "--out", "alone", "--quiet"] + settings, in: shop).status == 0)
    let alone = files(shop, "alone")
    let own = files(shop, "1/variants/ksm")
    #expect(alone.count > 20 && alone.keys.sorted() == own.keys.sorted())
    // The variant's page says which variant it is.
    for name in alone.keys.sorted() where name != "/report.html" { #expect(alone[name] == own[name], "\(name)") }
  }

  @Test("Standard output compares them in the form that was asked for; an expectation between them decides the exit code")
  func forms() throws {
    let shop = try workshop()
    let text = try MemlabProcess.run(["run", "s.yaml", "--out", "out"], in: shop)
    #expect(
      text.status == 0 && text.text.contains("\nnone ") && text.text.contains("\nksm ") && text.text.hasSuffix("report: out/report.html\n"))
    let json = try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--format", "json", "--quiet"], in: shop)
    #expect(json.output == shop.contents("out/summary.json"))
    let variants = try #require(try json.object()["variants"] as? [[String: Any]])
    #expect(variants.map { $0["name"] as? String } == ["none", "ksm"])
    let csv = try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--format", "csv", "--quiet", "--no-figures"], in: shop)
    #expect(csv.output == shop.contents("out/variants.csv"))
    let failing = ["--set", "expect=[variants.none.sharing.merges > variants.ksm.sharing.merges]"]
    let failed = try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--quiet"] + failing, in: shop)
    #expect(failed.status == 1)
    #expect(failed.errors.contains("expectation failed: variants.none.sharing.merges > variants.ksm.sharing.merges: they are 0 and "))
  }

  @Test("Control-C keeps what was finished and marks it partial")
  func interrupted() throws {
    let shop = try workshop()
    let longer = ["--set", "duration=100h", "--set", "sample_every=1s", "--no-audit", "--no-figures"]
    let process = try MemlabProcess(["run", "s.yaml", "--out", "out", "--quiet"] + longer, in: shop)
    Thread.sleep(forTimeInterval: 1.5)
    process.interrupt()
    let outcome = try process.outcome()
    #expect(outcome.status == 130, "\(outcome.errors)")
    let summary = try #require(try JSONSerialization.jsonObject(with: shop.contents("out/summary.json")) as? [String: Any])
    #expect(summary["state"] as? String == "partial")
  }
}

extension Workshop {
  /// A file's bytes; none where it is not there.
  fileprivate func contents(_ name: String) -> Data { FileManager.default.contents(atPath: path(name)) ?? Data() }
}
