internal import Files

/// A file that appears whole or not at all, whose failures name it.
final class OutputFile {
  private let path: String
  private let file: WholeFile

  /// Begins a file; fails if the folder cannot be written, or the name belongs to something that is no regular file.
  /// - Parameter isPrivate: whether a new file is for its owner's eyes only.
  init(_ path: String, isPrivate: Bool = false) throws(ImageError) {
    self.path = path
    do throws(SystemError) { file = try WholeFile(path, isPrivate: isPrivate) } catch { throw Self.failure(path, error) }
  }

  private static func failure(_ path: String, _ error: SystemError) -> ImageError {
    ImageError(path, .cannotWrite, error.description)
  }

  private func naming(_ body: () throws(SystemError) -> Void) throws(ImageError) {
    do throws(SystemError) { try body() } catch { throw Self.failure(path, error) }
  }

  /// Bytes written so far.
  var count: UInt64 { file.count }

  /// Appends bytes.
  func append(_ bytes: [UInt8]) throws(ImageError) {
    try naming { () throws(SystemError) in try file.append(bytes) }
  }

  /// Appends bytes that somebody else owns.
  func append(_ bytes: RawSpan) throws(ImageError) {
    do throws(SystemError) { try file.append(bytes) } catch { throw Self.failure(path, error) }
  }

  /// Appends an integer, little endian.
  func append<Integer: FixedWidthInteger>(_ value: Integer) throws(ImageError) {
    try naming { () throws(SystemError) in try file.append(value) }
  }

  /// Replaces the file's first bytes.
  func overwriteBeginning(_ bytes: [UInt8]) throws(ImageError) {
    try naming { () throws(SystemError) in try file.overwriteBeginning(bytes) }
  }

  /// Brings everything to the disk and gives the file its name.
  func commit() throws(ImageError) {
    try naming { () throws(SystemError) in try file.commit() }
  }
}

/// What this process has begun to write under another name: for a program that is about to end in the middle of it.
public enum UnfinishedFile {
  /// Removes what was written so far for the file of a path; nothing happens if that is nothing.
  public static func remove(for path: String) { WholeFile.removeUnfinished(path) }
}
