public import PageTables
public import Translation

/// A way of paging that takes part in a hunt, with its choices.
public enum FuzzWay: String, CaseIterable, Sendable {
  /// The guest's tables alone.
  case native
  /// Extended page tables with A and D.
  case ept
  /// Extended page tables without A and D.
  case eptWithoutDirty = "ept-without-dirty"
  /// AMD's nested tables.
  case npt
  /// Shadow tables that are always in step.
  case shadowInStep = "shadow-in-step"
  /// Shadow tables as KVM keeps them.
  case shadowKVM = "shadow-kvm"
  /// Shadow tables as Xen keeps them.
  case shadowXen = "shadow-xen"
  /// Agile paging that goes to and fro often.
  case agile
  /// Agile paging that comes back from every interval, with tables out of step.
  case agileReturning = "agile-returning"
  /// Agile paging that never leaves the nested mode.
  case agileNested = "agile-nested"
  /// Tables that hold machine frames.
  case direct

  /// The mode.
  public var mode: PagingMode {
    switch self {
    case .native: .native
    case .ept, .eptWithoutDirty, .npt: .nested
    case .shadowInStep, .shadowKVM, .shadowXen: .shadow
    case .agile, .agileReturning, .agileNested: .agile
    case .direct: .direct
    }
  }

  /// The format of the guest-physical map.
  public var format: NestedFormat { self == .npt ? .npt : .ept }

  /// The choices.
  public var options: PagingOptions {
    var options = PagingOptions()
    switch self {
    case .native, .ept, .npt, .shadowKVM, .direct: break
    case .eptWithoutDirty: options.nested.accessedDirty = false
    case .shadowInStep:
      options.unsync = .none
      options.prefetch = .none
    case .shadowXen:
      options.unsync = .xen
      options.prefetch = .xen
    case .agile:
      options.unsync = .none
      options.agileInterval = 40
    case .agileReturning:
      options.agileInterval = 40
      options.agileReturn = .all
      options.agileStores = 1
      options.agileWarmUp = 30
    case .agileNested: options.agileWarmUp = .max
    }
    return options
  }
}
