/// What people and programs are told of a field of scenario files.
public struct FieldDescription: Sendable {
  /// What a field holds.
  public indirect enum Kind: Sendable {
    /// A single value.
    case value(ValueDescription)
    /// Fields.
    case section([FieldDescription])
    /// A list whose elements have fields, with how many there may be.
    case list([FieldDescription], count: ClosedRange<Int>)
    /// A list of single values, with how many there may be.
    case values(ValueDescription, count: ClosedRange<Int>)
    /// Values by the paths of other fields.
    case settings
    /// Fields that depend on the value of one of them.
    case choice(key: String, [Alternative])
  }

  /// One of the ways in which a section can be filled.
  public struct Alternative: Sendable {
    /// The value that chooses it.
    public var name: String
    /// What it is.
    public var documentation: String
    /// Its fields.
    public var fields: [FieldDescription]
  }

  /// The name.
  public var name: String
  /// What it holds.
  public var kind: Kind
  /// Whether a scenario must give it.
  public var isRequired: Bool
  /// What it is if a scenario does not give it: a value, or words in parentheses for one that depends on others.
  public var defaultText: String?
  /// What it means.
  public var documentation: String
}

extension Sequence<String> {
  /// A dotted path.
  func joinedPath() -> String { filter { !$0.isEmpty }.joined(separator: ".") }
}
