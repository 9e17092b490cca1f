/// What people and programs are told of a type of values.
public struct ValueDescription: Hashable, Sendable {
  /// How JSON Schema says it.
  public enum JSONType: Hashable, Sendable {
    /// A text that matches a pattern, if there is one.
    case string(pattern: String?)
    /// One of some names.
    case names([String])
    /// A whole number within bounds, in decimal.
    case integer(minimum: String, maximum: String)
    /// true or false.
    case boolean
  }

  /// What a value is, "a size with a unit, such as 512MiB".
  public var words: String
  /// Which values are allowed, where that is a range.
  public var range: String?
  /// The unit that the value has inside memlab, where it has one.
  public var unit: String?
  /// How JSON Schema says it.
  public var json: JSONType
}
