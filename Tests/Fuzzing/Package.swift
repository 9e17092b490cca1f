// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds or tests memlab pays for its long hunts. `make soak` and `make fuzz` run them.
let package = Package(
  name: "memlab-fuzzing",
  dependencies: [.package(name: "memlab", path: "../..")],
  targets: [
    .executableTarget(
      name: "memlab-soak", dependencies: [.product(name: "MemlabTestSupport", package: "memlab")],
      swiftSettings: [
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ])
  ]
)
