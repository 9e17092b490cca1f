internal import Addressing
public import Columns
public import Files

/// Writes an access stream in the laboratory's own format (`BinaryTrace`); the file appears whole or not at all.
public final class TraceWriter {
  private let file: WholeFile
  /// Records written so far.
  public private(set) var count: UInt64 = 0

  /// Begins a file.
  /// - Throws: why it cannot be written.
  public init(_ path: String) throws(SystemError) {
    file = try WholeFile(path)
    try file.append(BinaryTrace.magic)
    try file.append(BinaryTrace.version)
    try file.append(0 as UInt32)
    try file.append(0 as UInt64)
  }

  /// Appends the first `count` records of a batch.
  public func append(_ batch: borrowing AccessBatch, count: Int) throws(SystemError) {
    for index in 0..<count { try file.append(batch[index].rawValue) }
    self.count += UInt64(count)
  }

  /// Writes how many records there are, brings everything to the disk and gives the file its name.
  public func commit() throws(SystemError) {
    try file.overwriteBeginning(Self.header(count))
    try file.commit()
  }

  /// The header of a file of `count` records.
  static func header(_ count: UInt64) -> [UInt8] {
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
      (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    return BinaryTrace.magic + bytes(BinaryTrace.version) + bytes(0 as UInt32) + bytes(count)
  }
}
