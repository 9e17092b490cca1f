internal import Files

/// Why this machine's KSM cannot be asked.
public enum KernelKSMError: Error, Hashable, Sendable {
  /// The kernel was built without KSM, or /sys is not mounted.
  case missing
  /// KSM is in use: by another trial that holds the lock, by somebody who lets it run, or by pages that are still merged.
  case busy(String)
  /// Only root may set the knobs.
  case notPermitted(String)
  /// There is too little memory for the trial.
  case tooLittleMemory(needed: UInt64, available: UInt64)
  /// The trial names contents that its table does not have.
  case tooFewContents(needed: Int, given: Int)
  /// The kernel, or a process of the trial, answered with an error number.
  case failed(String, CInt)
  /// The scanner does not wake up any more.
  case stuck(String)
  /// The trial ended, but a knob could not be put back.
  case notRestored(CInt)
}

extension KernelKSMError: CustomStringConvertible {
  /// The reason, in words.
  public var description: String {
    switch self {
    case .missing: "this kernel has no KSM: there is no \(KernelKSM.folder); it needs Linux built with CONFIG_KSM"
    case .busy(let why): "this machine's KSM is in use: \(why)"
    case .notPermitted(let what): "only root may set the knobs of KSM: \(what)"
    case .tooLittleMemory(let needed, let available):
      "the trial needs \(needed >> 20) MiB of memory on this machine, and \(available >> 20) MiB are available"
    case .tooFewContents(let needed, let given): "the trial numbers \(needed) page contents, and its table holds \(given)"
    case .failed(let what, let code): "\(what): \(SystemError(code).description)"
    case .stuck(let what): "the kernel's scanner did not wake up: \(what)"
    case .notRestored(let code): "not all knobs of KSM in \(KernelKSM.folder) could be put back: \(SystemError(code).description)"
    }
  }
}
