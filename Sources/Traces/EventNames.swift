public import Addressing

extension StreamEvent {
  /// Its name in files and results: "run", "world-switch".
  public var name: String {
    switch self {
    case .run: "run"
    case .fork: "fork"
    case .exec: "exec"
    case .exit: "exit"
    case .range: "range"
    case .unmap: "unmap"
    case .protect: "protect"
    case .unprotect: "unprotect"
    case .rewrite: "rewrite"
    case .worldSwitch: "world-switch"
    case .operation: "operation"
    case .populate: "populate"
    }
  }
}
