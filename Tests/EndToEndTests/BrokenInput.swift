import Testing

/// Something wrong, and what memlab must say and do about it.
struct BrokenInput: CustomTestStringConvertible, Sendable {
  /// What is wrong.
  let name: String
  /// The arguments; files are looked for in the test's folder.
  let arguments: [String]
  /// The exit code.
  let status: Int32
  /// What must stand on standard error.
  let told: String
  /// Makes the files.
  let setUp: @Sendable (Workshop) throws -> Void

  init(_ name: String, _ arguments: String..., status: Int32, told: String, setUp: @escaping @Sendable (Workshop) throws -> Void = { _ in })
  {
    self.init(name, arguments, status: status, told: told, setUp: setUp)
  }

  init(_ name: String, _ arguments: [String], status: Int32, told: String, setUp: @escaping @Sendable (Workshop) throws -> Void) {
    (self.name, self.arguments, self.status, self.told, self.setUp) = (name, arguments, status, told, setUp)
  }

  var testDescription: String { name }

  /// A scenario with nothing wrong.
  static let sound = """
    name: sound
    seed: 7
    duration: 1s
    host:
      memory: 256MiB
      tlb: golden
    sharing:
      scanner: ksm
      pages_to_scan: 100
    vms:
      - name: a
        memory: 64MiB
        paging: nested
        guest:
          kind: synthetic
          image: debian-12
          kernel: 8MiB
          load:
            - {at: 0s, level: 40%}

    """

  /// A scenario in which one text is replaced; `run` must refuse it and write nothing.
  static func scenario(_ name: String, _ old: String, _ new: String, told: String) -> BrokenInput {
    BrokenInput("scenario: \(name)", "run", "s.yaml", "--out", "out", status: 65, told: told) {
      #expect(sound.contains(old))
      try $0.write("s.yaml", sound.replacing(old, with: new))
    }
  }

  /// A scenario with a value from the command line.
  static func change(_ change: String, told: String) -> BrokenInput {
    BrokenInput("--set \(change)", "run", "s.yaml", "--out", "out", "--set", change, status: 65, told: told) {
      try $0.write("s.yaml", sound)
    }
  }

  /// A file that `scan` must refuse.
  static func file(_ name: String, status: Int32 = 65, told: String, _ bytes: @escaping @Sendable () -> [UInt8]) -> BrokenInput {
    BrokenInput("file: \(name)", "scan", "f", status: status, told: told) { try $0.write("f", bytes()) }
  }

  /// Page flags of a length that cannot belong to an image of two pages.
  static func flags(_ name: String, bytes: Int, told: String) -> BrokenInput {
    BrokenInput("page flags: \(name)", "scan", "f", "--page-flags", "k", status: 65, told: told) {
      try $0.write("f", [UInt8](repeating: 0, count: 8192))
      try $0.write("k", [UInt8](repeating: 0, count: bytes))
    }
  }

  /// Arguments that are wrong whatever the files say.
  static func usage(_ arguments: String..., told: String) -> BrokenInput { BrokenInput(arguments, told: told) }

  private init(_ arguments: [String], told: String) {
    (name, self.arguments, status, self.told) = ("usage: " + arguments.joined(separator: " ").prefix(60), arguments, 64, told)
    setUp = { try $0.write("s.yaml", BrokenInput.sound) }
  }
}
