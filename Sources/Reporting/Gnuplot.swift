internal import Foundation
internal import Subprocess

/// Draws figures with the gnuplot that the machine has.
enum Gnuplot {
  /// Why a figure was not drawn.
  enum Failure: Error {
    /// There is no gnuplot in the search path.
    case missing
    /// It ran and did not succeed; what it said.
    case failed(String)
  }

  /// Runs a script in its folder.
  ///
  /// `-d` keeps a user's own settings out of the picture; `cd` by gnuplot keeps the folder's name out of the script.
  /// - Parameter program: gnuplot's name in the search path.
  static func run(_ script: String, in folder: URL, program: String = "gnuplot") async throws(Failure) {
    let place = folder.path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    do {
      let result = try await Subprocess.run(
        .name(program), arguments: ["-d", "-e", "cd '\(place)'", script], output: .discarded, error: .string(limit: 1 << 16))
      guard result.terminationStatus.isSuccess else { throw Failure.failed(result.standardError) }
    } catch let failure as Failure {
      throw failure
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw .missing
    } catch {
      throw .failed(String(describing: error))
    }
  }
}
