import Foundation
import LiveKernel
import Testing

/// A folder that looks like /proc, with processes made up by the test.
@Suite("Virtual machines are found among the processes") struct VirtualMachineProcessesTests {
  /// A made-up process: its arguments, what the kernel calls it, and where its descriptors point; no folder of descriptors if nil.
  struct Made {
    var pid: String
    var arguments: [String]
    var comm = ""
    var descriptors: [String]? = ["/dev/null"]
  }

  func found(_ processes: [Made]) throws -> VirtualMachineProcesses {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("memlab-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    for process in processes {
      let folder = root.appendingPathComponent(process.pid)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data(process.arguments.flatMap { Array($0.utf8) + [0] }).write(to: folder.appendingPathComponent("cmdline"))
      try Data((process.comm + "\n").utf8).write(to: folder.appendingPathComponent("comm"))
      guard let descriptors = process.descriptors else { continue }
      try FileManager.default.createDirectory(at: folder.appendingPathComponent("fd"), withIntermediateDirectories: true)
      for (number, target) in descriptors.enumerated() {
        try FileManager.default.createSymbolicLink(atPath: folder.appendingPathComponent("fd/\(number)").path, withDestinationPath: target)
      }
    }
    return VirtualMachineProcesses(in: root.path)
  }

  static let kvm = ["/dev/null", "anon_inode:kvm-vcpu:0", "anon_inode:kvm-vm"]

  @Test("Every monitor is found by its KVM machine, whatever it is called, and named") func monitors() throws {
    let machines = try found([
      Made(pid: "900", arguments: ["/usr/bin/qemu-system-x86_64", "-m", "1G"], descriptors: Self.kvm),
      Made(pid: "31", arguments: ["/usr/libexec/qemu-kvm"], descriptors: Self.kvm),
      Made(pid: "32", arguments: ["cloud-hypervisor", "--cpus", "boot=1"], descriptors: Self.kvm),
      Made(pid: "33", arguments: ["./firecracker", "--api-sock", "s"], descriptors: Self.kvm),
      Made(pid: "34", arguments: ["/opt/crosvm", "run"], descriptors: Self.kvm),
      Made(pid: "35", arguments: ["lkvm"], descriptors: Self.kvm),
      Made(pid: "36", arguments: ["my-own-vmm"], descriptors: Self.kvm),
      Made(pid: "37", arguments: [], comm: "vmm-thread", descriptors: Self.kvm),
    ])
    #expect(machines.found.map(\.pid) == [31, 32, 33, 34, 35, 36, 37, 900])
    #expect(
      machines.found.map(\.monitor) == ["qemu", "cloud-hypervisor", "firecracker", "crosvm", "kvmtool", "my-own-vmm", "vmm-thread", "qemu"])
    #expect(machines.found.allSatisfy(\.usesKVM) && machines.hidden.isEmpty && machines.problem == nil)
  }

  @Test("An emulator without KVM is found by its name, a tool of the same family is not") func emulators() throws {
    let machines = try found([
      Made(pid: "5", arguments: ["/usr/bin/qemu-system-aarch64"]), Made(pid: "6", arguments: ["qemu-img", "convert"]),
      Made(pid: "7", arguments: ["qemu-nbd"]), Made(pid: "8", arguments: ["/usr/sbin/qemu-ga"]),
      Made(pid: "9", arguments: ["vim", "firecracker"]), Made(pid: "self", arguments: ["qemu-system-x86_64"]),
      Made(pid: "10", arguments: ["bash"], descriptors: ["anon_inode:kvm-vcpu:0", "anon_inode:[eventfd]"]),
    ])
    #expect(machines.found.map(\.pid) == [5] && machines.found.first?.usesKVM == false)
  }

  @Test("Where there are none, and where we may not look, is said in words") func nothing() throws {
    #expect(try found([Made(pid: "1", arguments: ["init"])]).problem?.contains("no virtual machine runs on this host") == true)
    #expect(try found([]).problem != nil)
    let hidden = try found([
      Made(pid: "77", arguments: ["firecracker"], descriptors: nil), Made(pid: "78", arguments: ["bash"], descriptors: nil),
    ])
    #expect(hidden.found.isEmpty && hidden.hidden.map(\.pid) == [77])
    #expect(hidden.problem?.contains("firecracker (pid 77)") == true && hidden.problem?.contains("root") == true)
  }

  @Test("Every process found on this host exists, each once, ascending, and the test itself is none") func host() {
    let found = VirtualMachineProcesses().found.map(\.pid)
    #expect(found == Array(Set(found)).sorted() && !found.contains(getpid()))
  }
}
