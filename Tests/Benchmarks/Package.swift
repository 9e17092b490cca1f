// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds or tests memlab pays for its benchmarks. `make bench` runs them.
let package = Package(
  name: "memlab-benchmarks",
  dependencies: [.package(name: "memlab", path: "../..")],
  targets: [
    .target(name: "CTranslationFloor"),
    .target(name: "CTraceFloor"),
    .executableTarget(
      name: "memlab-bench",
      dependencies: [
        "CTranslationFloor", "CTraceFloor", .product(name: "MemlabMechanisms", package: "memlab"),
        .product(name: "MemlabLaboratory", package: "memlab"),
      ],
      swiftSettings: [
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ]),
  ]
)
