internal import Addressing
internal import Machine

extension HugePages {
  /// Pages of a size for all memory that is written first.
  init(_ size: PageSize) {
    switch size {
    case .size4K: self = .never
    case .size2M: self = .always
    case .size1G: self = .gigabyte
    }
  }

  /// The size of the pages while the host has them.
  private var size: PageSize {
    switch self {
    case .never: .size4K
    case .always: .size2M
    case .gigabyte: .size1G
    }
  }

  /// These pages, or those of a size where these are smaller.
  ///
  /// For native guests: bare hardware has no host whose smaller pages could cut a TLB entry of a large page of the guest's.
  func atLeast(_ size: PageSize) -> HugePages { self.size.bytes < size.bytes ? HugePages(size) : self }
}
