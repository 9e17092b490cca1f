internal import Files

/// A copy of a guest's /proc/kpageflags: one little-endian word a page frame, frame 0 first (Documentation/admin-guide/mm/pagemap.rst).
///
/// The file must belong to the image: it has an entry for every frame of it, and ends within the section of 128 MiB in which the memory
/// ends, since kernels round the file up to whole sections. A file that describes much more memory is another guest's, or the image has a
/// hole below 4 GiB that nobody told of.
public struct PageFlagsFile {
  /// Frames in a section of memory (SECTION_SIZE_BITS 27 on x86-64 and arm64).
  private static let sectionFrames: UInt64 = 1 << 15

  /// More bits than kernels have flags: the last is number 42 (include/linux/kernel-page-flags.h, KPF_ARCH_3).
  private static let flagBits: UInt64 = 48

  /// The kinds of an input's pages, in page order.
  /// - Parameter options: where the pages of a trace or of fingerprints lie, which record no addresses: as a raw image's.
  /// - Throws: if the file cannot be read, or is not one of this input.
  public static func kinds(_ path: String, for input: MemoryInput, options: RecordedMemory.Options) throws(ImageError) -> [PageKind] {
    let rows = try rows(of: input, options, path)
    guard path != "/proc/kpageflags" else {
      throw ImageError(path, .incompatible, "these are this machine's flags, not those of the guest in \(input.name): copy the guest's own")
    }
    let file: MappedFile
    do throws(MappedFileError) { file = try MappedFile(path: path) } catch { throw ImageError(path, error) }
    guard file.count > 0 else { throw ImageError(path, .empty, "the file is empty; copy it with cat, since /proc tells no lengths") }
    guard file.count.isMultiple(of: 8) else {
      throw ImageError(
        path, .malformed, at: UInt64(file.count / 8 * 8), "a copy of /proc/kpageflags has 8 bytes a frame, not \(file.count) bytes")
    }
    let (frames, end) = (UInt64(file.count / 8), rows.last.map { $0.frame + UInt64($0.pages) } ?? 0)
    guard frames >= end else {
      throw ImageError(
        path, .truncated, at: UInt64(file.count),
        "it describes \(frames) frames, but the memory of \(input.name) ends behind frame \(end - 1)")
    }
    guard frames - end < sectionFrames else {
      throw ImageError(
        path, .incompatible,
        "it describes \(frames) frames, but the memory of \(input.name) ends behind frame \(end - 1): is it another guest's, or does the image need --below-4g?"
      )
    }
    var kinds: [PageKind] = []
    for row in rows {
      for frame in row.frame..<row.frame + UInt64(row.pages) {
        guard let flags: UInt64 = file.integer(at: Int(frame) * 8) else { throw .changed(path) }
        guard flags >> Self.flagBits == 0 else {
          throw ImageError(
            path, .malformed, at: frame * 8,
            "it is no copy of /proc/kpageflags: no kernel knows all of the flags 0x\(String(flags, radix: 16))")
        }
        kinds.append(PageKind(flags: flags, before: kinds.last))
      }
    }
    return kinds
  }

  private typealias Row = (frame: UInt64, pages: Int)

  private static func rows(of input: MemoryInput, _ options: RecordedMemory.Options, _ path: String) throws(ImageError) -> [Row] {
    let pages: Int
    switch input.contents {
    case .image(let image):
      guard image.space == .physical else {
        throw ImageError(
          input.name, .incompatible, "its addresses are a process's own: a file of page flags is of a guest's physical memory")
      }
      return image.runs.map { ($0.address / UInt64(MemoryImage.pageSize), $0.pageCount) }
    case .process:
      throw ImageError(input.name, .incompatible, "the flags of a live process's pages are those of this machine: --page-flags live")
    case .identities(_, let size, let identities):
      try checkSize(size, input)
      pages = identities.count
    case .fingerprints(let size, let fingerprints):
      try checkSize(size, input)
      pages = fingerprints.count
    }
    guard let below = options.belowFourGiB.map({ Int($0 / 4096) }), below < pages else { return [(0, pages)] }
    return [(0, below), (1 << 20, pages - below)]
  }

  private static func checkSize(_ size: Int, _ input: MemoryInput) throws(ImageError) {
    guard size == MemoryImage.pageSize else {
      throw ImageError(input.name, .incompatible, "it has pages of \(size) bytes; page flags are told of pages of 4096")
    }
  }
}
