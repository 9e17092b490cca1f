/// What a kernel asks of a processor besides memory (Adams and Agesen, ASPLOS 2006, section 6.2). The raw values are arguments of
/// `StreamEvent.operation`.
public enum KernelOperation: UInt8, CaseIterable, Sendable {
  /// A system call and its return.
  case systemCall
  /// An `in` from an I/O port.
  case portInput
  /// A load of CR8, the task priority.
  case cr8Write
  /// A call and its return.
  case callReturn
  /// A division by zero, handled in the program.
  case divideByZero

  /// The name in results.
  public var name: String {
    switch self {
    case .systemCall: "syscall"
    case .portInput: "in"
    case .cr8Write: "cr8_write"
    case .callReturn: "call_ret"
    case .divideByZero: "divide_by_zero"
    }
  }
}

/// What a guest's kernel did that costs cycles by itself, on bare hardware too. What it costs beyond that under a hypervisor are the exits,
/// which translators count.
public struct KernelWork: Hashable, Sendable {
  /// Stores to page tables.
  public var tableStores: UInt64 = 0
  /// Loads of CR3.
  public var cr3Loads: UInt64 = 0
  /// INVLPGs.
  public var pageInvalidations: UInt64 = 0
  /// Pages of 4 KiB copied after a fork.
  public var pageCopies: UInt64 = 0
  /// Operations by kind.
  public var operations = [UInt64](repeating: 0, count: KernelOperation.allCases.count)

  /// None.
  public init() {}

  /// What was done after an earlier reading of the same counts.
  public func since(_ earlier: KernelWork) -> KernelWork {
    var difference = self
    difference.tableStores -= earlier.tableStores
    difference.cr3Loads -= earlier.cr3Loads
    difference.pageInvalidations -= earlier.pageInvalidations
    difference.pageCopies -= earlier.pageCopies
    for index in operations.indices { difference.operations[index] -= earlier.operations[index] }
    return difference
  }

  /// The count of an operation.
  public subscript(operation: KernelOperation) -> UInt64 {
    get { operations[Int(operation.rawValue)] }
    set { operations[Int(operation.rawValue)] = newValue }
  }
}
