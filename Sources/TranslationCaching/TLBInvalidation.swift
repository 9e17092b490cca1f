public import Addressing

/// Everything that makes a processor forget translations, and what each must forget (Intel SDM 4.10.4.1 and 29.4.3).
///
/// *Mappings* are TLB entries and paging-structure-cache entries of the guest dimension: linear ones without EPT, combined ones with it.
/// *Guest-physical mappings* are those of the host dimension and the nested TLB. All but the INVEPTs keep to one VPID, and act on it
/// under every EPT root. The hierarchy forgets exactly what is listed, and nothing else.
///
/// The instructions are all there for whoever writes a hypervisor. Those here have no use for the ones of all contexts (a guest's tags are its own until
/// it ends) and for INVVPID of all but globals.
public enum TLBInvalidation: Hashable, Sendable {
  /// INVLPG: TLB entries of the page that holds the address, of the current PCID and global ones; all paging-structure-cache entries of the
  /// current PCID.
  case invlpg(TLBSpace, GuestVirtualAddress)
  /// A page fault: what INVLPG forgets of the address, but only those paging-structure-cache entries that its walk would use.
  case pageFault(TLBSpace, GuestVirtualAddress)
  /// MOV to CR3 that loads the space's PCID, bit 63 clear: all mappings of that PCID but global ones.
  case movToCR3(TLBSpace)
  /// INVPCID type 0: mappings of the PCID that would translate the address, but not global ones.
  case invpcidAddress(VPID, PCID, GuestVirtualAddress)
  /// INVPCID type 1: all mappings of the PCID but global ones.
  case invpcidContext(VPID, PCID)
  /// INVPCID type 2, and MOV to CR4 that changes PGE: all mappings of every PCID.
  case invpcidAll(VPID)
  /// INVPCID type 3: all mappings of every PCID but global ones.
  case invpcidAllButGlobals(VPID)
  /// INVVPID type 0: mappings that would translate the address, of every PCID, global ones too.
  case invvpidAddress(VPID, GuestVirtualAddress)
  /// INVVPID type 1: all mappings of the VPID.
  case invvpidContext(VPID)
  /// INVVPID type 2: all mappings of every VPID but 0.
  case invvpidAll
  /// INVVPID type 3: all mappings of the VPID but global ones.
  case invvpidContextButGlobals(VPID)
  /// INVEPT type 1: guest-physical and combined mappings of the EPT root, under every VPID and PCID, global ones too.
  case inveptContext(HostFrame)
  /// INVEPT type 2: guest-physical and combined mappings of every EPT root.
  case inveptAll
  /// A VM entry or exit without VPIDs: all mappings of the tag of guests without one, which is VPID 0 on a processor. Where each of them has a tag of its
  /// own in its stead, that of the guest.
  case vmTransition(VPID)
  /// An EPT violation: guest-physical mappings that would translate the guest-physical address; where that was the translation of a linear
  /// address, also mappings of the space that would translate this one, global ones too.
  case eptViolation(TLBSpace, GuestPhysicalAddress, linear: GuestVirtualAddress?)
  /// Reset: everything.
  case everything
}
