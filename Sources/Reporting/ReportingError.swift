internal import Foundation
internal import GRDB

/// Why a report could not be written. In each case an older report in the same place is as it was.
public enum ReportingError: Error, Equatable {
  /// The path names a file where a folder should be.
  case outputIsFile(path: String)
  /// The folder holds something, but no run of memlab: it is not overwritten.
  case outputIsForeign(path: String)
  /// The folder, or a file in it, cannot be written.
  case notWritable(path: String, reason: String)
  /// The disk is full.
  case outOfSpace(path: String)
  /// An input of the run is a file that the report would replace.
  case inputInReport(path: String, input: String)
  /// An input file that the manifest should name cannot be read.
  case unreadableInput(path: String, reason: String)
}

extension ReportingError: CustomStringConvertible {
  /// What happened and what can be done about it, in a sentence.
  public var description: String {
    switch self {
    case .outputIsFile(let path): "cannot write the report: \(path) is a file; name a folder"
    case .outputIsForeign(let path):
      "cannot write the report: \(path) is not empty and holds no memlab run (no manifest.json of memlab's); name a new folder"
    case .notWritable(let path, let reason): "cannot write the report to \(path): \(reason)"
    case .outOfSpace(let path): "cannot write the report to \(path): no space is left on the disk"
    case .inputInReport(let path, let input):
      "the report in \(path) would replace \(input), which is an input of the run; name another folder"
    case .unreadableInput(let path, let reason): "cannot read \(path): \(reason)"
    }
  }
}

extension ReportingError {
  /// What an error of the file system or of SQLite means for the report.
  init(_ error: any Error, writing path: String) {
    if let known = error as? ReportingError {
      self = known
    } else if (error as? CocoaError)?.code == .fileWriteOutOfSpace || (error as? DatabaseError)?.resultCode == .SQLITE_FULL {
      self = .outOfSpace(path: path)
    } else {
      self = .notWritable(path: path, reason: Self.reason(error))
    }
  }

  private static func reason(_ code: POSIXErrorCode) -> String {
    switch code {
    case .EFBIG: "a file would be larger than is allowed (ulimit -f)"
    case .EDQUOT: "the quota is used up"
    case .ENAMETOOLONG: "the name is too long"
    case .EIO: "the disk reports an error"
    default: String(describing: code)
    }
  }

  /// The reason of an error in the system's words, without the wrapping that Foundation gives it.
  static func reason(_ error: any Error) -> String {
    if let error = error as? DatabaseError { return error.message ?? "SQLite reports \(error.resultCode)" }
    switch (error as? CocoaError)?.code {
    case .fileWriteNoPermission?, .fileReadNoPermission?: return "permission denied"
    case .fileWriteVolumeReadOnly?: return "the file system is read-only"
    case .fileNoSuchFile?, .fileReadNoSuchFile?: return "no such file or folder"
    case .fileWriteFileExists?: return "a file is in the way"
    default:
      if let posix = (error as? CocoaError)?.underlying as? POSIXError { return reason(posix.code) }
      return error.localizedDescription
    }
  }
}
