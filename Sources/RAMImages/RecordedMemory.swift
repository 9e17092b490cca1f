internal import Files

/// # RAMImages: memory that was recorded from real machines
///
/// A laboratory that invents what guests hold can prove anything about sharing. This module reads what real machines held: raw images, ELF
/// cores, LiME dumps, and two summaries of its own, page identity traces and fingerprints. Whatever the file, the rest of memlab sees
/// *inputs*, each one guest's pages in order.
///
/// The content decides what a file is, never its name: each format is known by its first bytes, and what no format claims is taken for a
/// raw image if it is a whole number of pages. Formats that hold memory in a form that is not read (compressed dumps, migration streams,
/// disk images) are recognized too, so that nobody counts the pages of a compressed file as a guest's.
///
/// The invariant: *no file can make the reader trap, hang, or take memory for more than the file really holds*. Every number in a header is
/// checked against what the file can hold before anything is read or allocated by it, and a failure says which byte is wrong.
///
/// A file that somebody makes shorter after it was opened is an error too, wherever the scan then stands (`MappedFile.isIntact`).
public enum RecordedMemory {
  /// How files are to be understood where they do not say themselves.
  public struct Options: Sendable {
    /// How much of a raw image lies below 4 GiB in the guest-physical address space; nil if all of it follows from address 0.
    public var belowFourGiB: UInt64?

    /// Raw images are contiguous.
    public init(belowFourGiB: UInt64? = nil) { self.belowFourGiB = belowFourGiB }
  }

  /// Opens a file as inputs: every guest of a trace or a file of fingerprints, or those that follow its name as in `FILE.pit#w1,w2`; the
  /// one memory of an image.
  /// - Throws: what is wrong with the file, and at which byte.
  public static func open(_ argument: String, options: Options = Options()) throws(ImageError) -> [MemoryInput] {
    let (path, chosen) = split(argument)
    let file: MappedFile
    do throws(MappedFileError) { file = try MappedFile(path: path) } catch { throw ImageError(path, error) }
    guard file.count > 0 else { throw ImageError(path, .empty, "the file is empty") }
    let format = try RecordedFormat(of: file)
    let inputs: [MemoryInput]
    switch format {
    case .identityTrace:
      let trace = try IdentityTrace(file)
      inputs = trace.guests.map { MemoryInput(name: $0.name, contents: .identities(trace: path, pageSize: trace.pageSize, $0.identities)) }
    case .fingerprints:
      let recorded = try FingerprintFile(file)
      inputs = recorded.guests.map { MemoryInput(name: $0.name, contents: .fingerprints(pageSize: recorded.pageSize, $0.fingerprints)) }
    case .elfCore, .lime, .raw:
      let image = try image(file, format, options)
      guard chosen == nil else {
        throw ImageError(path, .noSuchGuest, "it holds one memory without a name: nothing can be chosen from it by #")
      }
      return [MemoryInput(name: fileName(path), contents: .image(image))]
    }
    guard let chosen else { return inputs }
    return try choose(chosen, from: inputs, path)
  }

  /// Opens a file that holds one memory with its bytes, for instance to walk its page tables.
  /// - Throws: what is wrong with the file; a trace or a file of fingerprints has no bytes.
  public static func openImage(_ path: String, options: Options = Options()) throws(ImageError) -> MemoryImage {
    guard case .image(let image) = try open(path, options: options).first?.contents else {
      throw ImageError(path, .incompatible, "it records which pages are equal, not what they hold")
    }
    return image
  }

  private static func image(_ file: MappedFile, _ format: RecordedFormat, _ options: Options) throws(ImageError) -> MemoryImage {
    switch format {
    case .elfCore: try MemoryImage(elfCore: file)
    case .lime: try MemoryImage(lime: file)
    default: try MemoryImage(raw: file, belowFourGiB: options.belowFourGiB)
    }
  }

  /// The file that an argument of `open` names, without the guests that are chosen from it.
  public static func path(of argument: String) -> String { split(argument).path }

  /// The path and the names behind the last "#"; a file whose own name has a "#" is found by its whole name.
  private static func split(_ argument: String) -> (path: String, chosen: [String]?) {
    guard let mark = argument.lastIndex(of: "#"), (try? MappedFile(path: argument)) == nil else { return (argument, nil) }
    let names = argument[argument.index(after: mark)...].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    return (String(argument[..<mark]), names)
  }

  private static func choose(_ names: [String], from inputs: [MemoryInput], _ path: String) throws(ImageError) -> [MemoryInput] {
    var chosen: [MemoryInput] = []
    for name in names {
      let found = inputs.filter { $0.name == name }
      guard !found.isEmpty else {
        let known = inputs.map(\.name).joined(separator: ", ")
        throw ImageError(path, .noSuchGuest, "it holds no guest \"\(name)\"; its guests are \(known)")
      }
      chosen += found
    }
    return chosen
  }

  static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
