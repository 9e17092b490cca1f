internal import Glibc

/// The processes of this host that run a virtual machine.
public enum VirtualMachineProcesses {
  /// The numbers of the processes that hold a KVM virtual machine open, ascending; those that we may not look into are left out.
  ///
  /// KVM gives a process one file descriptor for each virtual machine, whose link in /proc/PID/fd reads `anon_inode:kvm-vm`
  /// (virt/kvm/kvm_main.c, `kvm_dev_ioctl_create_vm`).
  public static func find() -> [Int32] {
    names(in: "/proc").compactMap { Int32($0) }.sorted().filter { pid in
      let folder = "/proc/\(pid)/fd"
      return names(in: folder).contains { target(of: "\(folder)/\($0)") == "anon_inode:kvm-vm" }
    }
  }

  private static func names(in folder: String) -> [String] {
    // SAFETY: the stream is used between open and close only; each entry is copied before the next is read.
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      names.append(
        unsafe withUnsafePointer(to: &entry.pointee.d_name) {
          unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        })
    }
    return names
  }

  private static func target(of link: String) -> String {
    var buffer = [UInt8](repeating: 0, count: 64)
    // SAFETY: the buffer's own bounds.
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe readlink(link, $0.baseAddress!, $0.count) }
    }
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }
}
