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
      #expect(throws: SystemError.folder) { _ = try WholeFile(folder) }
      #expect(throws: SystemError.notRegular) { _ = try WholeFile("/dev/full") }
      try FileManager.default.createSymbolicLink(atPath: folder + "/l", withDestinationPath: "there")
      #expect(throws: SystemError.deadLink) { _ = try WholeFile(folder + "/l") }
      #expect(throws: SystemError(ENOENT)) { _ = try WholeFile(folder + "/none/f") }
    }
  }

  @Test("A new file has the rights of the older one, or is private where that was asked for; a symbolic link stays one")
  func rights() throws {
    try withFolder {
      func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: folder + "/" + name)[.posixPermissions] as? Int
      }
      try WholeFile(folder + "/private", isPrivate: true).commit()
      #expect(try mode("private") == 0o600)
      try FileManager.default.setAttributes([.posixPermissions: 0o646], ofItemAtPath: folder + "/private")
      try FileManager.default.createSymbolicLink(atPath: folder + "/l", withDestinationPath: "private")
      let file = try WholeFile(folder + "/l", isPrivate: true)
      try file.append([7])
      try file.commit()
      #expect(try mode("private") == 0o646)
      #expect(try Data(contentsOf: URL(filePath: folder + "/private")) == Data([7]))
      #expect(Folder.target(of: folder + "/l") == "private")
    }
  }

  @Test("What was begun is removed by the name that was given, be it a link, and the older file stays")
  func removal() throws {
    try withFolder {
      try Data([9]).write(to: URL(filePath: folder + "/f"))
      try FileManager.default.createSymbolicLink(atPath: folder + "/l", withDestinationPath: "f")
      let file = try WholeFile(folder + "/l")
      #expect(Folder.names(in: folder).count == 5)
      WholeFile.removeUnfinished(folder + "/l")
      #expect(Folder.names(in: folder).count == 4)
      withExtendedLifetime(file) {}
    }
  }

  @Test("A file is the same by each of its names, and no other; what is no regular file is none")
  func identity() throws {
    try withFolder {
      let path = folder + "/f"
      try Data().write(to: URL(filePath: path))
      try Data().write(to: URL(filePath: folder + "/other"))
      try FileManager.default.createSymbolicLink(atPath: folder + "/soft", withDestinationPath: "f")
      try FileManager.default.linkItem(atPath: path, toPath: folder + "/hard")
      let file = try #require(FileIdentity(path: path))
      for name in ["/soft", "/hard", "/./f"] { #expect(FileIdentity(path: folder + name) == file) }
      #expect(FileIdentity(path: folder + "/other") != file)
      for name in ["/none", ""] { #expect(FileIdentity(path: folder + name) == nil) }
      #expect(FileIdentity(path: "/dev/null") == nil)
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
