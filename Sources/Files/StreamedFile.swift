internal import Glibc

/// How a file is compressed, as its first bytes tell.
public enum Compression: String, CaseIterable, Sendable {
  /// Not at all.
  case none
  /// gzip, RFC 1952.
  case gzip
  /// xz.
  case xz
  /// zstd, RFC 8878.
  case zstd
  /// A zip file, each member stored or deflated.
  case zip

  /// The compression of bytes that begin like this; the first six suffice.
  public init(_ head: some Collection<UInt8>) {
    if head.starts(with: [0x1f, 0x8b]) {
      self = .gzip
    } else if head.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) {
      self = .xz
    } else if head.starts(with: ZstdStream.magic)
      || head.dropFirst().starts(with: [0x2a, 0x4d, 0x18]) && (0x50...0x5f).contains(head.first ?? 0)
    {
      self = .zstd
    } else if head.starts(with: [0x50, 0x4b, 3, 4]) || head.starts(with: [0x50, 0x4b, 5, 6]) {
      self = .zip
    } else {
      self = .none
    }
  }

  fileprivate func makeDecompressor() throws(DecompressionProblem) -> (any Decompressor)? {
    switch self {
    case .none: nil
    case .gzip: try GzipDecompressor()
    case .xz: try XzDecompressor()
    case .zstd: try ZstdDecompressor()
    case .zip: try ZipDecompressor()
    }
  }
}

/// A file or a pipe that is read from front to back through a window, decompressed on the way if its first bytes say so.
///
/// The invariant: the window shows up to `capacity` bytes that have not been dropped yet, in the order of the decompressed stream, the first of them at
/// `offset`. Memory does not grow with the file: a block of input, the window, and what the decompressor needs.
///
/// It reads with `read` and not through a mapping: a pipe cannot be mapped, a file that becomes shorter just ends, and copying 128 KiB at a time through a
/// cache costs less than 0.1 ns a byte.
@safe public final class StreamedFile {
  /// How many bytes the window can show at once.
  public static let capacity = 128 << 10
  /// Zeros that may be read behind the last byte that the window shows, so that words can be loaded there.
  public static let padding = 32
  private static let inputCapacity = 64 << 10

  /// How the bytes are compressed.
  public let compression: Compression
  /// The length of a regular file that is not compressed.
  public let length: UInt64?
  /// The offset of the window's first byte in the decompressed stream.
  public private(set) var offset: UInt64 = 0
  /// Whether the window shows all that is left.
  public private(set) var isAtEnd = false
  /// How many bytes the window shows.
  public var count: Int { end - start }

  private let descriptor: CInt
  private let ownsDescriptor: Bool
  private let window: UnsafeMutableRawBufferPointer
  private let input: UnsafeMutableRawBufferPointer
  private var (start, end) = (0, 0)
  private var (inputStart, inputEnd) = (0, 0)
  /// Bytes of the file itself before `inputStart`.
  private var consumed: UInt64 = 0
  private var inputIsAtEnd = false
  private var failure: StreamedFileError?
  private let decompressor: (any Decompressor)?

  /// Opens a file or a pipe; `-` is standard input.
  public init(_ path: String) throws(StreamedFileError) {
    ownsDescriptor = path != "-"
    // SAFETY: open reads a C string.
    descriptor = ownsDescriptor ? unsafe open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
    guard descriptor >= 0 else { throw errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable(SystemError(errno)) }
    do throws(StreamedFileError) {
      // SAFETY: allocated here, freed in deinit, or below if nothing comes of it.
      unsafe window = .allocate(byteCount: Self.capacity + Self.padding, alignment: 64)
      unsafe window.initializeMemory(as: UInt8.self, repeating: 0)
      unsafe input = .allocate(byteCount: Self.inputCapacity, alignment: 64)
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(SystemError(errno)) }
      guard status.st_mode & S_IFMT != S_IFDIR else { throw .folder }
      // As many bytes as there are magic numbers: a pipe may give them one by one.
      while inputEnd < 6 {
        let count = unsafe try Self.read(descriptor, UnsafeMutableRawBufferPointer(rebasing: input[inputEnd...]))
        if count == 0 { break }
        inputEnd += count
      }
      inputIsAtEnd = inputEnd < 6
      // SAFETY: inputEnd bytes have been read into the input.
      unsafe compression = Compression(input[..<inputEnd])
      let isPlainFile = compression == .none && status.st_mode & S_IFMT == S_IFREG
      length = isPlainFile ? UInt64(clamping: status.st_size) : nil
      do throws(DecompressionProblem) {
        decompressor = try compression.makeDecompressor()
      } catch {
        throw .malformed(at: 0, error.text)
      }
    } catch {
      if ownsDescriptor { close(descriptor) }
      unsafe window.deallocate()
      unsafe input.deallocate()
      throw error
    }
  }

  deinit {
    if ownsDescriptor { close(descriptor) }
    // SAFETY: allocated in init.
    unsafe window.deallocate()
    unsafe input.deallocate()
  }

  /// Shows the window to `body`: `count` bytes and, behind them, `padding` zeros.
  public func withWindow<Result, Failure: Error>(_ body: (RawSpan, _ count: Int) throws(Failure) -> Result) throws(Failure) -> Result {
    // SAFETY: end + padding is at most the window's length; nothing changes the window during the call.
    try body(unsafe RawSpan(_unsafeStart: window.baseAddress! + start, byteCount: count + Self.padding), count)
  }

  /// Drops the window's first bytes.
  public func drop(_ count: Int) {
    precondition(count >= 0 && count <= self.count, "no more can be dropped than the window shows")
    start += count
    offset += UInt64(count)
  }

  /// Reads more bytes into the window.
  /// - Returns: whether it shows more than before; otherwise the file is at its end (`isAtEnd`) or the window is full.
  /// - Throws: why it cannot be read on; the same again if called again.
  public func more() throws(StreamedFileError) -> Bool {
    if let failure { throw failure }
    do throws(StreamedFileError) {
      return try fill()
    } catch {
      failure = error
      throw error
    }
  }

  private func fill() throws(StreamedFileError) -> Bool {
    guard !isAtEnd else { return false }
    if start > 0 {
      // SAFETY: both ranges lie in the window; they may overlap, which memmove allows.
      unsafe memmove(window.baseAddress!, window.baseAddress! + start, count)
      (start, end) = (0, count)
    }
    // SAFETY: capacity + padding is the window's length. Even after a failure there must be zeros behind the end.
    defer { unsafe memset(window.baseAddress! + end, 0, Self.padding) }
    guard end < Self.capacity else { return false }
    // SAFETY: the window less its padding.
    let room = unsafe UnsafeMutableRawBufferPointer(rebasing: window[end..<Self.capacity])
    let given = unsafe try decompressor == nil ? plain(room) : decompressed(room)
    end += given
    if given == 0 { isAtEnd = true }
    return given > 0
  }

  private func plain(_ room: UnsafeMutableRawBufferPointer) throws(StreamedFileError) -> Int {
    guard inputStart < inputEnd else { return unsafe try Self.read(descriptor, room) }
    let count = min(inputEnd - inputStart, room.count)
    // SAFETY: count is at most either length.
    unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputStart..<inputStart + count]))
    inputStart += count
    return count
  }

  private func decompressed(_ room: UnsafeMutableRawBufferPointer) throws(StreamedFileError) -> Int {
    guard let decompressor else { return 0 }
    while true {
      if inputStart == inputEnd && !inputIsAtEnd {
        let count = unsafe try Self.read(descriptor, input)
        (inputStart, inputEnd, inputIsAtEnd) = (0, count, count == 0)
      }
      let step: (taken: Int, given: Int)
      do throws(DecompressionProblem) {
        // SAFETY: the range lies in the input.
        step = unsafe try decompressor.step(UnsafeRawBufferPointer(rebasing: input[inputStart..<inputEnd]), room)
      } catch {
        throw .malformed(at: consumed, error.text)
      }
      inputStart += step.taken
      consumed += UInt64(step.taken)
      if step.given > 0 { return step.given }
      guard step.taken == 0 else { continue }
      if inputStart < inputEnd { throw .malformed(at: consumed, "the \(compression.rawValue) stream cannot be decompressed any further") }
      if inputIsAtEnd {
        if decompressor.mayEnd { return 0 }
        throw .truncated(at: consumed, "the \(compression.rawValue) stream ends too early")
      }
    }
  }

  private static func read(_ descriptor: CInt, _ target: UnsafeMutableRawBufferPointer) throws(StreamedFileError) -> Int {
    while true {
      // SAFETY: the buffer's own bounds.
      let count = unsafe Glibc.read(descriptor, target.baseAddress, target.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw .unreadable(SystemError(errno)) }
    }
  }
}

/// Why a file cannot be opened or read on.
public enum StreamedFileError: Error, Equatable, Sendable {
  /// There is no such file.
  case missing
  /// It is a folder.
  case folder
  /// The operating system refuses.
  case unreadable(SystemError)
  /// The file's bytes from this one on cannot be decompressed; why, in words.
  case malformed(at: UInt64, String)
  /// The file ends too early.
  case truncated(at: UInt64, String)
}
