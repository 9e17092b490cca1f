public import PageSharing

extension RemoteMapping {
  /// Reads a line of /proc/PID/maps: "start-end perms offset device inode path" (Documentation/filesystems/proc.rst); nil if it is none.
  public init?(mapsLine line: some StringProtocol) {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count >= 5 else { return nil }
    let bounds = fields[0].split(separator: "-")
    guard bounds.count == 2, let start = UInt64(bounds[0], radix: 16), let end = UInt64(bounds[1], radix: 16), start < end,
      let offset = UInt64(fields[2], radix: 16), fields[1].count == 4
    else { return nil }
    self.init(
      start: start, end: end, isReadable: fields[1].contains("r"), isWritable: fields[1].contains("w"),
      isExecutable: fields[1].contains("x"),
      isShared: fields[1].contains("s"), fileOffset: offset, path: fields.count > 5 ? String(fields[5].drop { $0 == " " }) : "")
  }

  /// Whether it shows memory, and not a device's registers or the kernel's own clock pages, which must not or cannot be read.
  var holdsMemory: Bool {
    if path.hasPrefix("[vvar") || path == "[vsyscall]" { return false }
    return !path.hasPrefix("/dev/") || path.hasPrefix("/dev/shm/") || path.hasPrefix("/dev/zero") || path.hasPrefix("/dev/hugepages/")
  }
}
