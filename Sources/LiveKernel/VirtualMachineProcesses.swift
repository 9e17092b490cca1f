internal import Files

/// The processes of this host that run a virtual machine.
public enum VirtualMachineProcesses {
  /// The numbers of the processes that hold a KVM virtual machine open, ascending; those that we may not look into are left out.
  ///
  /// KVM gives a process one file descriptor for each virtual machine, whose link in /proc/PID/fd reads `anon_inode:kvm-vm`
  /// (virt/kvm/kvm_main.c, `kvm_dev_ioctl_create_vm`).
  public static func find() -> [Int32] {
    Folder.names(in: "/proc").compactMap { Int32($0) }.sorted().filter { pid in
      let folder = "/proc/\(pid)/fd"
      return Folder.names(in: folder).contains { Folder.target(of: "\(folder)/\($0)") == "anon_inode:kvm-vm" }
    }
  }
}
