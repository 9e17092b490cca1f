internal import Columns

/// Where a process or a kernel lies in its address space, if that is randomized (ASLR, KASLR).
///
/// Moving a mapping by whole pages changes no page of it, but those that hold addresses: relocated data, the global offset table, the
/// headers of heap blocks. Such a page is the same in two processes but for the few bytes of the addresses' middle: here, a *variant* of
/// what it would be without randomization, one for each base. Program text that lies in the page cache is position-independent and never
/// changes.
struct AddressLayout: Hashable, Sendable {
  /// By how many units the base was moved; 0 where nothing is randomized.
  let base: UInt64

  /// Nothing is randomized.
  static let fixed = AddressLayout(base: 0)

  /// Bits of a process's base, in pages: Linux's default of vm.mmap_rnd_bits on x86-64.
  static let processBits: UInt64 = 28
  /// Bits of a kernel's base, in units of 2 MiB: the 512 places of the GiB that x86-64 keeps for its image
  /// (arch/x86/boot/compressed/kaslr.c).
  static let kernelBits: UInt64 = 9

  /// A base drawn at random.
  static func random(bits: UInt64, _ stream: inout RandomStream) -> AddressLayout { AddressLayout(base: stream.below(1 << bits)) }

  /// Which variant the pages that hold addresses are: of 20 bits, so that two bases of a process share one about once in a million times.
  var variant: UInt64 { (base ^ base >> 20) & 0xf_ffff }
}
