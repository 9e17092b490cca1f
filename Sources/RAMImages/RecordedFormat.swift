internal import Files

/// What a file is, by its first bytes.
enum RecordedFormat {
  case identityTrace, fingerprints, elfCore, lime, raw

  /// Formats that hold memory, or look as if they did, and are not read.
  private static let unread: [(magic: [UInt8], name: String, hint: String)] = [
    (Array("KDUMP   ".utf8), "a kdump-compressed dump", "write an ELF one (dump-guest-memory without -z, -l or -s; makedumpfile -E)"),
    (Array("makedumpfile".utf8), "a flattened makedumpfile dump", "rearrange it with makedumpfile -R"),
    (Array("DISKDUMP".utf8), "a diskdump", "write an ELF core"),
    (Array("QEVM".utf8), "a QEMU migration stream", "use dump-guest-memory"),
    (Array("LibvirtQemudSave".utf8), "a libvirt save image", "use virsh dump --memory-only"),
    (Array("QFI".utf8) + [0xfb], "a qcow2 disk image", "it holds a disk, not memory"),
    (Array("PAGEDU64".utf8), "a Windows crash dump", "convert it to a raw image"),
    (Array("PAGEDUMP".utf8), "a Windows crash dump", "convert it to a raw image"),
    (Array("MDMP".utf8), "a Windows minidump", "convert it to a raw image"),
    (Array("hibr".utf8), "a Windows hibernation file", "convert it to a raw image"),
    (Array("HIBR".utf8), "a Windows hibernation file", "convert it to a raw image"),
    ([0x1f, 0x8b], "a gzip stream", "decompress it first"),
    ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "an xz stream", "decompress it first"),
    (Array("BZh".utf8), "a bzip2 stream", "decompress it first"),
    ([0x04, 0x22, 0x4d, 0x18], "an LZ4 stream", "decompress it first"),
    ([0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59], "a Snappy stream", "decompress it first"),
    ([0x50, 0x4b, 0x03, 0x04], "a zip archive", "unpack it first"),
  ]

  /// Recognizes a file.
  /// - Throws: if it is of a format that is not read, or of an unknown version of one that is.
  init(of file: MappedFile) throws(ImageError) {
    if let summary = try Self.summary(file) {
      self = summary
      return
    }
    if let known = Self.unread.first(where: { file.starts(with: $0.magic) }) {
      throw ImageError(file.path, .unsupported, at: 0, "it is \(known.name), which is not read: \(known.hint)")
    }
    if file.starts(with: ElfCore.magic) {
      self = .elfCore
    } else if file.starts(with: MemoryImage.limeMagic) {
      self = .lime
    } else {
      self = .raw
    }
  }

  /// A trace or a file of fingerprints, which may be compressed; nil for what is neither.
  private static func summary(_ file: MappedFile) throws(ImageError) -> RecordedFormat? {
    let isCompressed = SequentialFile.isCompressed(file)
    let beginning = try ByteStream(file).bytes(upTo: IdentityTrace.magic.count)
    if beginning == IdentityTrace.magic { return .identityTrace }
    if beginning == FingerprintFile.magic { return .fingerprints }
    let family = beginning.prefix(5)
    if beginning.count < IdentityTrace.magic.count
      && (IdentityTrace.magic.starts(with: beginning) || FingerprintFile.magic.starts(with: beginning))
    {
      throw ImageError(file.path, .truncated, at: UInt64(beginning.count), "the file ends inside its magic")
    }
    if family == IdentityTrace.magic.prefix(5) || family == FingerprintFile.magic.prefix(5) {
      let name = family == IdentityTrace.magic.prefix(5) ? "page identity trace" : "file of fingerprints"
      throw ImageError(file.path, .unsupported, at: 5, "a \(name) of an unknown version: only version 1 is read")
    }
    guard !isCompressed else {
      throw ImageError(
        file.path, .unsupported, at: 0, "a zstd stream that holds neither a page identity trace nor fingerprints: decompress it first")
    }
    return nil
  }
}
