// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is compiled under the same rules: unsafe code is marked where it stands, imports say what they
/// expose, and a warning is an error.
let house: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A module of the house, on its floor: it may import only what stands below it.
func room(_ name: String, _ below: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
  .target(name: name, dependencies: below, resources: resources, swiftSettings: house)
}

/// The tests of one module.
func tests(_ name: String, _ subjects: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: subjects, swiftSettings: house)
}

let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
  name: "memlab",
  products: [
    .executable(name: "memlab", targets: ["memlab"]),
    .library(
      name: "MemlabMechanisms",
      targets: [
        "Addressing", "Columns", "FrameAllocation", "PageContents", "PageTables", "TranslationCaching", "Translation", "PageSharing",
        "Ballooning", "Overcommit", "Machine",
      ]),
    .library(
      name: "MemlabLaboratory",
      targets: ["Files", "Guests", "RAMImages", "LiveKernel", "Traces", "Scenarios", "Laboratory", "Reporting"]),
    .executable(name: "memlab-soak", targets: ["memlab-soak"]),
  ],
  dependencies: [
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // Floor 0: C libraries.
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLzma", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
    .target(name: "CAtomic"),
    .target(name: "CBusGuard"),
    .target(name: "CTrialProcess"),

    // Floor 1: the three address spaces.
    room("Addressing"),

    // Floor 2: memory of the laboratory's own, its randomness, and files as bytes.
    room("Columns", ["Addressing", "CAtomic"]),
    room("Files", ["CZstd", "CZlib", "CLzma", "CBusGuard"]),

    // Floor 3: which frame, and what it holds.
    room("FrameAllocation", ["Addressing", "Columns"]),
    room("PageContents", ["Addressing", "Columns", "CAtomic", "CXXHash"]),

    // Floor 4: tables in frames, and what caches their walks.
    room("PageTables", ["Addressing", "Columns", "PageContents"]),
    room("TranslationCaching", ["Addressing", "Columns"]),

    // Floor 5: mechanisms, each with a protocol that says what it needs of a machine.
    room("Translation", ["Addressing", "Columns", "PageContents", "PageTables", "TranslationCaching"]),
    room("PageSharing", ["Addressing", "Columns", "PageContents", "CZstd"]),
    room("Ballooning", ["Addressing", "Columns"]),
    room("Overcommit"),

    // Floor 6: the one place where mechanisms are wired together.
    room(
      "Machine",
      [
        "Addressing", "Columns", "FrameAllocation", "PageContents", "PageTables", "TranslationCaching", "Translation", "PageSharing",
        "Ballooning",
      ]),

    // Floor 7: who drives a machine, and what was recorded from real ones.
    room("Guests", ["Addressing", "Columns", "FrameAllocation", "PageContents", "PageTables", "Translation", "Ballooning", "Machine"]),
    room("RAMImages", ["Addressing", "Columns", "Files", "PageContents", "PageTables", "PageSharing"]),
    room("LiveKernel", ["CTrialProcess", "Files", "PageSharing"]),
    room("Traces", ["Addressing", "Columns", "Files"]),

    // Floor 8: a scenario file becomes a validated plan.
    room(
      "Scenarios",
      ["Addressing", "PageSharing", "TranslationCaching", "Translation", "Overcommit", "Machine", "Guests", "Traces", yams]),

    // Floor 9: a plan becomes a run on the virtual clock.
    room(
      "Laboratory",
      [
        "Addressing", "Columns", "TranslationCaching", "Translation", "PageSharing", "Ballooning", "Overcommit", "Machine", "Guests",
        "Traces", "RAMImages", "Scenarios",
      ]),

    // Floor 10: a run becomes files.
    room(
      "Reporting",
      [
        "Addressing", "PageTables", "TranslationCaching", "Translation", "PageSharing", "Guests", "Traces", "RAMImages", "Scenarios",
        "Laboratory", grdb, mustache, subprocess,
      ],
      resources: [.embedInCode("Templates")]),

    // Floor 12: the command line.
    .executableTarget(
      name: "memlab",
      dependencies: [
        "Addressing", "Files", "PageTables", "PageSharing", "TranslationCaching", "Translation", "Overcommit", "Machine", "Guests",
        "Traces", "RAMImages", "LiveKernel",
        "Scenarios", "Laboratory", "Reporting", arguments,
      ], swiftSettings: house),

    // Tests, bottom up.
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: house),
    .target(
      name: "TranslationFuzzing",
      dependencies: [
        "Addressing", "Columns", "PageContents", "PageTables", "TranslationCaching", "Translation", "TestSupport",
      ], path: "Tests/TranslationFuzzing", swiftSettings: house),
    .executableTarget(
      name: "memlab-soak", dependencies: ["TestSupport", "TranslationFuzzing"], path: "Tests/Fuzzing/memlab-soak", swiftSettings: house),
    tests("AddressingTests", ["Addressing", "TestSupport"]),
    tests("ColumnsTests", ["Columns", "TestSupport"]),
    tests("FilesTests", ["Files"]),
    tests("FrameAllocationTests", ["FrameAllocation", "Addressing", "Columns", "TestSupport"]),
    tests("PageContentsTests", ["PageContents", "Addressing", "Columns", "TestSupport"]),
    tests("PageTablesTests", ["PageTables", "PageContents", "Addressing", "TestSupport"]),
    tests("TranslationCachingTests", ["TranslationCaching", "Addressing", "Columns"]),
    tests(
      "TranslationTests",
      ["Translation", "TranslationCaching", "PageTables", "PageContents", "Addressing", "Columns", "TestSupport", "TranslationFuzzing"]),
    tests("PageSharingTests", ["PageSharing", "PageContents", "Addressing", "Columns"]),
    tests("BallooningTests", ["Ballooning", "Addressing", "Columns"]),
    tests("OvercommitTests", ["Overcommit"]),
    tests(
      "MachineTests",
      [
        "Machine", "Translation", "TranslationCaching", "PageSharing", "PageContents", "PageTables", "FrameAllocation", "Ballooning",
        "Addressing", "Columns",
      ]),
    tests(
      "GuestsTests",
      [
        "Guests", "Machine", "PageSharing", "Ballooning", "Translation", "TranslationCaching", "PageContents", "PageTables", "Addressing",
        "Columns", "TestSupport",
      ]),
    tests("RAMImagesTests", ["RAMImages", "PageSharing", "PageContents", "PageTables", "Files", "Addressing", "Columns"]),
    tests("LiveKernelTests", ["LiveKernel", "RAMImages", "PageSharing", "Addressing", "Columns"]),
    tests("TracesTests", ["Traces", "Files", "Addressing", "Columns", "TestSupport"]),
    tests("ScenariosTests", ["Scenarios", "Guests", "Machine", "PageSharing", "PageTables", "Translation", "Addressing", "Columns"]),
    tests(
      "LaboratoryTests",
      [
        "Laboratory", "Scenarios", "Traces", "Machine", "Guests", "RAMImages", "PageSharing", "Overcommit", "Translation",
        "TranslationCaching", "PageTables",
        "Addressing", "TestSupport",
      ]),
    tests("ReportingTests", ["Reporting", "Laboratory", "Scenarios", "Guests", "Translation", "PageSharing", "Addressing", grdb]),
    tests("EndToEndTests", ["memlab"]),
  ]
)
