import Foundation

/// Outputs that would take an input's place, by whatever name: exit code 64, and the input is as it was.
extension BrokenInput {
  static let outputsOverInputs: [BrokenInput] = [
    over("mappings", "f", "--cr3", "0x0", "--save-tables", "f", told: "--save-tables f is the input itself, which would be lost"),
    over("mappings", "f", "--cr3", "0x0", "--save-tables", "./f", told: "--save-tables ./f is the same file as the input f"),
    over("mappings", "f", "--cr3", "0x0", "--save-tables", "d/../f", told: "is the same file as the input f"),
    over("mappings", "f", "--cr3", "0x0", "--save-tables", "soft", told: "is the same file as the input f"),
    over("mappings", "soft", "--cr3", "0x0", "--save-tables", "f", told: "is the same file as the input soft"),
    over("mappings", "f", "--cr3", "0x0", "--save-tables", "hard", told: "is the same file as the input f"),
    over("walk", "f", "--cr3", "0x0", "0x1000", "--figure", "f", told: "--figure f is the input itself, which would be lost"),
    over("walk", "f", "--cr3", "0x0", "0x1000", "--figure", "hard", told: "--figure hard is the same file as the input f"),
    over("fingerprint", "t.pit", "-o", "t.pit", told: "--out t.pit is the input itself, which would be lost"),
    over("fingerprint", "f", "t.pit#a", "-o", "d/../t.pit", told: "is the same file as the input t.pit"),
    over("fingerprint", "f", "t.pit", "-o", "soft.mfp", told: "is the same file as the input t.pit"),
    BrokenInput(
      "run: a report over its own access stream", "run", "out/s.yaml", "--out", "./out", status: 64,
      told: "would replace"
    ) {
      try $0.folder("out")
      try $0.write("out/manifest.json", "{\n  \"schema\": \"memlab.manifest/1\"\n}")
      try $0.write("out/vms.csv", "address\n8\n")
      try $0.write("out/s.yaml", streamed)
    },
  ]

  private static func over(_ arguments: String..., told: String) -> BrokenInput {
    BrokenInput("output over input: " + arguments.joined(separator: " "), arguments, status: 64, told: told) { shop in
      try shop.write("f", [UInt8](repeating: 0, count: 8192))
      try shop.write("t.pit", Bytes.trace())
      try shop.folder("d")
      for (link, target) in [("soft", "f"), ("soft.mfp", "t.pit")] {
        try FileManager.default.createSymbolicLink(atPath: shop.path(link), withDestinationPath: target)
      }
      try FileManager.default.linkItem(atPath: shop.path("f"), toPath: shop.path("hard"))
    }
  }

  /// A scenario whose guest replays a stream beside it, which has the name of a part of a report.
  private static let streamed = sound.replacing(
    "kind: synthetic\n      image: debian-12\n      kernel: 8MiB\n      load:\n        - {at: 0s, level: 40%}",
    with: "kind: stream\n      source: vms.csv")
}
