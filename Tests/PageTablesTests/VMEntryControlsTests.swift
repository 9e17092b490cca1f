import Addressing
import PageTables
import Testing

/// The checks of a VM entry (Intel SDM 27.2.1.1), rule by rule.
@Suite struct VMEntryControlsTests {
  private func controls(_ change: (inout VMEntryControls) -> Void) -> VMEntryControls {
    var controls = VMEntryControls()
    controls.eptPointer = EPTPointer(root: HostFrame(5))
    controls.vpid = VPID(1)
    change(&controls)
    return controls
  }

  @Test("A guest with EPT, a VPID, a log in a page and mode-based execute control is entered; so is one with none of them")
  func entered() {
    let all = controls {
      $0.modificationLog = HostFrame(9).address
      $0.modeBasedExecute = true
    }
    #expect(all.problem() == nil && VMEntryControls().problem() == nil)
  }

  @Test("VPID 0 with the control set fails the entry, every other does not")
  func vpidZero() {
    for number in [0, 1, 0x8000, 0xffff] as [UInt16] {
      #expect(controls { $0.vpid = VPID(number) }.problem() == (number == 0 ? .vpidZero : nil))
    }
    #expect(controls { $0.vpid = nil }.problem() == nil)
  }

  @Test("Of all low twelve bits of an EPTP, only memory types 0 and 6, 4 or 5 levels and bits 11:7 clear are entered")
  func pointers() {
    for low in 0..<4096 as Range<UInt64> {
      let isLegal = (low & 7 == 0 || low & 7 == 6) && (low >> 3 & 7 == 3 || low >> 3 & 7 == 4) && low >> 7 == 0
      let problem = controls { $0.eptPointer = EPTPointer(rawValue: 0x5000 | low) }.problem()
      #expect((problem == nil) == isLegal, "\(low)")
    }
    for bit in 12..<64 as Range<UInt64> {
      let problem = controls { $0.eptPointer = EPTPointer(rawValue: 1 << bit | 0x1e) }.problem(physicalAddressBits: 40)
      #expect(problem == (bit < 40 ? nil : .eptPointer(.reservedBits)), "\(bit)")
    }
    let pointer = EPTPointer(root: HostFrame(5), levels: 5)
    #expect(pointer.problem(hasFiveLevels: false) == .levels && pointer.problem(hasAccessedDirty: false) == .accessedDirty)
  }

  @Test("A log and mode-based execute control need EPT; a log lies in a page that the processor can address")
  func logs() {
    #expect(
      controls { ($0.eptPointer, $0.modificationLog) = (nil, HostFrame(9).address) }.problem() == .modificationLogWithoutEPT)
    #expect(controls { ($0.eptPointer, $0.modeBasedExecute) = (nil, true) }.problem() == .modeBasedExecuteWithoutEPT)
    for address in [0x9008, 1 << 48] as [UInt64] {
      #expect(controls { $0.modificationLog = HostPhysicalAddress(address) }.problem() == .modificationLogAddress)
    }
  }
}
