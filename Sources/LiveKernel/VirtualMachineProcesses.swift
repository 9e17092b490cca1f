internal import Files

/// The processes of this host that run a virtual machine.
///
/// What they have in common, whatever they are called, is the kernel's KVM: a process has one file descriptor for each virtual machine that
/// it runs, whose link in /proc/PID/fd reads `anon_inode:kvm-vm` (virt/kvm/kvm_main.c, `kvm_dev_ioctl_create_vm`). To see the descriptors
/// of others' processes one has to be root; so processes that are called like a virtual machine monitor but cannot be looked into are told
/// apart from none at all. An emulator without KVM (QEMU's TCG) is found by its name only.
public struct VirtualMachineProcesses: Sendable {
  /// A process that runs a virtual machine.
  public struct Found: Hashable, Sendable {
    /// Its number.
    public let pid: Int32
    /// The monitor's name: qemu, cloud-hypervisor, firecracker, crosvm or kvmtool; else what the process is called.
    public let monitor: String
    /// Whether it holds a KVM virtual machine open; otherwise it is known by its name only, and emulates the processor.
    public let usesKVM: Bool
  }

  /// The processes that run virtual machines, by ascending number.
  public let found: [Found]
  /// Processes that are called like a monitor, but whose descriptors we may not see.
  public let hidden: [Found]

  /// Looks through the processes of this host.
  /// - Parameter processes: the folder in which each has one of its own, named by its number.
  public init(in processes: String = "/proc") {
    var found: [Found] = []
    var hidden: [Found] = []
    for pid in Folder.names(in: processes).compactMap({ Int32($0) }).sorted() where pid > 0 {
      let folder = "\(processes)/\(pid)"
      let name = Self.programName(folder)
      let monitor = Self.monitor(of: name)
      let descriptors = Folder.names(in: "\(folder)/fd")
      let usesKVM = descriptors.contains { Folder.target(of: "\(folder)/fd/\($0)") == "anon_inode:kvm-vm" }
      guard usesKVM || monitor != nil else { continue }
      let process = Found(pid: pid, monitor: monitor ?? name, usesKVM: usesKVM)
      // A running process has at least one descriptor or none that we are shown; a monitor without any has ended or is hidden from us.
      if usesKVM || !descriptors.isEmpty { found.append(process) } else { hidden.append(process) }
    }
    self.found = found
    self.hidden = hidden
  }

  /// Why there is nothing to look at, in words; nil if there is something.
  public var problem: String? {
    guard found.isEmpty else { return nil }
    guard !hidden.isEmpty else {
      return
        "no virtual machine runs on this host: no process holds one of KVM open, and none is called qemu, cloud-hypervisor, firecracker, crosvm or kvmtool"
    }
    let names = hidden.prefix(4).map { "\($0.monitor) (pid \($0.pid))" }.joined(separator: ", ")
    let more = hidden.count > 4 ? " and \(hidden.count - 4) more" : ""
    return "the processes \(names)\(more) may be virtual machines, but we may not look into them: be root or their user"
  }

  /// What the process's program is called: the first argument's file name, or what the kernel calls it (/proc/PID/comm, 15 bytes).
  private static func programName(_ folder: String) -> String {
    let arguments = ((try? OpenFile("\(folder)/cmdline"))?.firstText ?? "").split(
      separator: "\0", maxSplits: 1, omittingEmptySubsequences: false)
    let path = arguments.first.map(String.init) ?? ""
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    if !file.isEmpty { return file }
    return String(((try? OpenFile("\(folder)/comm"))?.firstText ?? "").prefix { $0 != "\n" })
  }

  /// The monitor that a program of this name is. QEMU's programs are called qemu-system-ARCH, qemu-kvm or kvm, its tools (qemu-img,
  /// qemu-nbd, qemu-ga) are none.
  static func monitor(of program: String) -> String? {
    if program.hasPrefix("qemu-system-") || program == "qemu-kvm" || program == "kvm" { return "qemu" }
    return switch program {
    case "cloud-hypervisor", "cloud-hyperviso": "cloud-hypervisor"
    case "firecracker": "firecracker"
    case "crosvm": "crosvm"
    case "lkvm", "vm-kvmtool": "kvmtool"
    default: nil
    }
  }
}

extension OpenFile {
  /// The file's text; empty if it cannot be read.
  fileprivate var firstText: String { (try? text()) ?? "" }
}
