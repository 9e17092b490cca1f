import Files
import Foundation
import Testing

@Suite("Files that appear whole or not at all")
struct WholeFileTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "memlab-\(UUID().uuidString)").path

  private func withFolder(_ body: () throws -> Void) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body()
  }

  @Test("The file has its name when it is committed, and holds what was appended, its beginning replaced")
  func commits() throws {
    try withFolder {
      let path = folder + "/f"
      let file = try WholeFile(path)
      try file.append([0, 0, 3])
      try file.append(0x0706_0504 as UInt32)
      try file.overwriteBeginning([1, 2])
      #expect(!FileManager.default.fileExists(atPath: path))
      try file.commit()
      #expect(file.count == 7)
      #expect(try Data(contentsOf: URL(filePath: path)) == Data([1, 2, 3, 4, 5, 6, 7]))
      #expect(Folder.names(in: folder).sorted() == [".", "..", "f"])
    }
  }

  @Test("What is not committed leaves an older file as it was, and nothing else")
  func abandons() throws {
    try withFolder {
      let path = folder + "/f"
      try Data([9]).write(to: URL(filePath: path))
      do { try WholeFile(path).append([1, 2, 3]) }
      #expect(try Data(contentsOf: URL(filePath: path)) == Data([9]))
      #expect(Folder.names(in: folder).count == 3)
    }
  }

  @Test("What is no regular file is not replaced, and a folder that is not there is an error")
  func refuses() throws {
    try withFolder {
      #expect(throws: SystemError.notRegular) { _ = try WholeFile(folder) }
      #expect(throws: SystemError(ENOENT)) { _ = try WholeFile(folder + "/none/f") }
    }
  }

  @Test("A file of /proc is read to its end, whatever length it tells; a symbolic link says where it leads")
  func openFiles() throws {
    #expect(try OpenFile("/proc/self/maps").text().hasSuffix("\n"))
    var words: [UInt64] = [0, 0]
    #expect(try OpenFile("/dev/zero").read(at: 0, into: &words) == 16)
    #expect(throws: SystemError(ENOENT)) { _ = try OpenFile("/nowhere/at/all") }
    try withFolder {
      try FileManager.default.createSymbolicLink(atPath: folder + "/l", withDestinationPath: "there")
      #expect(Folder.target(of: folder + "/l") == "there")
      #expect(Folder.target(of: folder).isEmpty)
    }
  }
}
