public import PageSharing

extension ImageError {
  /// The failure to read a process's memory.
  public init(_ error: RemoteMemoryError) {
    let kind: Kind =
      switch error.kind {
      case .missing: .missing
      case .ended: .changed
      case .denied, .failed: .unreadable
      }
    self.init(error.name, kind, error.problem)
  }
}
