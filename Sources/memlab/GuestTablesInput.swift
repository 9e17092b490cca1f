internal import Addressing
internal import ArgumentParser
internal import PageTables
internal import RAMImages

/// The arguments that name a guest's page tables in an image.
struct GuestTablesInput: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The register CR3, such as 0x3a5e000: where the top table begins. Bits 11:0 and 63 are ignored, and so are 62 and 61 (LAM).",
      valueName: "addr"), transform: AddressArgument.init(reading:))
  var cr3: AddressArgument?

  @Option(parsing: .unconditional, help: ArgumentHelp("Levels of the tables: 4, or 5 if CR4.LA57 was set.", valueName: "4|5"))
  var levels = 4

  @Option(
    name: .customLong("below-4g"), parsing: .unconditional,
    help: ArgumentHelp(
      "How much of a raw image lies below 4 GiB, such as 3GiB; what follows begins at 4 GiB. Default: the image has no hole.",
      valueName: "size"),
    transform: MemoryInputs.belowFourGiB)
  var belowFourGiB: UInt64?

  /// Bits of CR3 that say nothing about where the top table is: PCID or cache bits, bit 63 (Intel SDM 4.10.4.1), and LAM_U57 and LAM_U48 (4.4).
  private static let ignored: UInt64 = 0xe000_0000_0000_0fff

  func validate() throws {
    guard levels == 4 || levels == 5 else { throw ValidationError("--levels is 4 or 5, not \(levels)") }
    if let cr3, cr3.rawValue & ~Self.ignored & ~X86Entry.frameMask != 0 {
      throw ValidationError("--cr3 \(hex(cr3.rawValue)): bits 60:52 of CR3 are reserved and always 0")
    }
  }

  /// CR3 without what is ignored.
  func root() throws -> GuestPhysicalAddress {
    guard let cr3 else { throw ValidationError("missing expected argument '--cr3 <addr>'") }
    return GuestPhysicalAddress(cr3.rawValue & X86Entry.frameMask)
  }

  /// How real tables are read: every physical address bit that the format has may be used.
  var controls: X86Controls {
    var controls = X86Controls()
    controls.levels = levels
    controls.physicalAddressBits = 52
    return controls
  }

  /// Opens the image and makes sure that the top table is in it.
  func open(_ path: String, notesPages: Bool = false) throws -> ImageTables {
    let root = try root()
    let inputs = try MemoryInputs.open([path], belowFourGiB: belowFourGiB)
    do throws(ImageError) {
      guard inputs.count == 1, case .image(let image) = inputs[0].contents else {
        throw ImageError(path, .incompatible, "page tables are read from a RAM image: a raw one, an ELF64 core or LiME")
      }
      let tables = try ImageTables(image, notesPages: notesPages)
      try tables.checkRoot(root)
      return tables
    } catch { throw Diagnostics.fail(error) }
  }
}

/// An address on the command line: hexadecimal, with 0x.
struct AddressArgument {
  let rawValue: UInt64

  init(reading text: String) throws {
    guard text.hasPrefix("0x") || text.hasPrefix("0X"), text.utf8.count > 2, text.dropFirst(2).allSatisfy(\.isHexDigit) else {
      throw ValidationError("addresses are hexadecimal with 0x, such as 0x7f00")
    }
    guard let value = UInt64(text.dropFirst(2), radix: 16) else { throw ValidationError("addresses have 64 bits") }
    rawValue = value
  }
}

/// An address as results print it.
func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
