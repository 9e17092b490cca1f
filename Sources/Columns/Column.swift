internal import Glibc

/// # Columns: memory that a terabyte of guests fits in
///
/// The laboratory keeps what it knows of every page in columns: one long array a fact, indexed by frame or page number. A column is
/// anonymous memory mapped from the kernel: it begins as zeros and costs nothing where it was never touched. A large one asks for huge
/// pages, without which random updates are half as slow again (measured; see the benchmarks); one that stays untouched in most places asks
/// for none, since a single element would cost 2 MiB.
///
/// The invariant: `base` points to `count` elements for as long as the column lives, and every subscript checks its index
/// against `count`, in every build. Elements are plain bits, so nothing needs destroying and all-zero bytes must be a valid element.
///
/// Writing through a column does not mutate the column itself, only the memory that it owns. So a class can hold it in a `let`, which
/// spares each access Swift's dynamic exclusivity check: seventeen times the cost of the access, where it was measured.
@safe @frozen public struct Column<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
  /// How many elements there are.
  public let count: Int
  @usableFromInline let base: UnsafeMutablePointer<Element>

  /// A column of `count` elements of all-zero bits. Memory that the kernel does not promise ends the program, see `MemoryShortage`: counts must be
  /// bounded by whoever reads them from a file.
  /// - Parameter isSparse: whether most of it will never be touched: then it is kept in small pages.
  public init(count: Int, isSparse: Bool = false) {
    precondition(count >= 0, "a column's length cannot be negative")
    let bytes = Column.mappedBytes(count)
    // SAFETY: an anonymous private mapping of `bytes` bytes, page-aligned, zeroed by the kernel; owned by this column until deinit.
    let address = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { MemoryShortage.end(bytes: bytes) }
    // Below 16 MiB the last, half-used huge page would weigh more than it helps: the processor's TLB reaches that far with small ones.
    if bytes >= 1 << 24 { unsafe madvise(address, bytes, isSparse ? MADV_NOHUGEPAGE : MADV_HUGEPAGE) }
    self.count = count
    // SAFETY: a page-aligned address is aligned for every element, and zero bits are a valid BitwiseCopyable element by contract.
    unsafe self.base = address.bindMemory(to: Element.self, capacity: count)
  }

  /// A column in which every element has a value.
  public init(count: Int, repeating value: Element) {
    self.init(count: count)
    // SAFETY: base points to count elements.
    unsafe base.update(repeating: value, count: count)
  }

  /// Asks for huge pages after all: a sparse column has come to be used in earnest.
  public func preferHugePages() {
    // SAFETY: exactly the mapping made in init; the advice changes no bytes.
    unsafe madvise(base, Column.mappedBytes(count), MADV_HUGEPAGE)
    // What lies in small pages already is put together at once (MADV_COLLAPSE, 25, since Linux 6.1); where that fails, nothing is lost.
    // SAFETY: within the mapping; the advice changes no bytes.
    unsafe madvise(base, min(Column.mappedBytes(count), 1 << 21), 25)
  }

  static func mappedBytes(_ count: Int) -> Int { max(count, 1) * MemoryLayout<Element>.stride }

  deinit {
    // SAFETY: exactly the mapping made in init; nothing else refers to it after the column's end.
    unsafe munmap(base, Column.mappedBytes(count))
  }

  /// The element at an index; the index is checked.
  @inlinable public subscript(index: Int) -> Element {
    get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
      // SAFETY: the index was just checked against count.
      return unsafe base[index]
    }
    nonmutating set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
      // SAFETY: the index was just checked against count.
      unsafe base[index] = newValue
    }
  }

  /// Where the element at an index is, for as long as the column lives; the index is checked. For loops that come back to one element.
  @unsafe @inlinable public func address(of index: Int) -> UnsafePointer<Element> {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
    return unsafe UnsafePointer(base + index)
  }

  /// Sets every element in a range.
  @inlinable public func fill(_ range: Range<Int>, with value: Element) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "column range out of bounds")
    // SAFETY: the range was just checked against count.
    unsafe (base + range.lowerBound).update(repeating: value, count: range.count)
  }

  /// Lets `body` work on the elements without a check for each; the buffer is valid during the call only.
  @inlinable public func withBuffer<Result, Failure: Error>(_ body: (UnsafeMutableBufferPointer<Element>) throws(Failure) -> Result)
    throws(Failure) -> Result
  {
    // SAFETY: base points to count elements, which live at least as long as self, which lives during the call.
    try unsafe body(UnsafeMutableBufferPointer(start: base, count: count))
  }
}
