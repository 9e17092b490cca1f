internal import Foundation

/// Standard output: the result.
enum StandardOutput {
  /// What stands for standard streams that memlab was started without.
  private static let substitutes: [FileHandle] = (STDIN_FILENO...STDERR_FILENO).compactMap { number in
    fcntl(number, F_GETFD) < 0 ? FileHandle(forReadingAtPath: "/dev/null") : nil
  }

  /// Keeps the numbers of the standard streams taken where the caller closed them: the next file to be opened would get them, and a
  /// result would be written into it. What stands in can only be read, so that writing fails.
  static func reserve() { _ = substitutes }

  /// Prints text that ends its own lines.
  static func write(_ text: String) throws { try write(Array(text.utf8)) }

  /// Prints bytes of text that end their own lines.
  static func write(_ bytes: [UInt8]) throws {
    do { try FileHandle.standardOutput.write(contentsOf: Data(bytes)) } catch {
      throw Diagnostics.fail(.cannotWrite, "error: the result cannot be written to standard output")
    }
  }
}
