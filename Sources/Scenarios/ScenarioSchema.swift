/// The fields of scenario files, for people and programs.
public enum ScenarioSchema {
  /// All fields, in the order of the canonical text.
  public static var fields: [FieldDescription] { ScenarioFields.scenario.map(\.description) }

  /// The JSON Schema (draft 2020-12) of scenario files, as an editor takes it to complete names and mark mistakes; `schema` stands first,
  /// as in all of memlab's JSON. It says less than the loader checks: neither ranges of values with units nor rules across fields.
  public static var jsonSchema: String {
    let head: [(key: String, value: OrderedJSON)] = [
      ("schema", .string("memlab.schema/1")),
      ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
      ("title", .string("A scenario of memlab")),
    ]
    return OrderedJSON.object(head + section(fields)).text + "\n"
  }

  private static func section(_ fields: [FieldDescription], with key: (name: String, value: String)? = nil) -> [(
    key: String, value: OrderedJSON
  )] {
    let required = (key.map { [$0.name] } ?? []) + fields.filter(\.isRequired).map(\.name)
    let properties =
      (key.map { [($0.name, OrderedJSON.object([("const", .string($0.value))]))] } ?? []) + fields.map { ($0.name, json($0)) }
    return [
      ("type", .string("object")), ("additionalProperties", .literal("false")),
      ("required", .array(required.map { .string($0) })), ("properties", .object(properties)),
    ]
  }

  private static func json(_ field: FieldDescription) -> OrderedJSON {
    var entries: [(key: String, value: OrderedJSON)] = [("description", .string(sentence(on: field)))]
    switch field.kind {
    case .value(let value):
      entries += type(value)
      if let text = field.defaultText, !text.hasPrefix("(") {
        switch value.json {
        case .integer, .boolean: entries.append(("default", .literal(text)))
        case .string, .names: entries.append(("default", .string(text)))
        }
      }
    case .section(let fields): entries += section(fields)
    case .list(let fields, let count): entries += list(.object(section(fields)), count)
    case .values(let value, let count): entries += list(.object(type(value)), count)
    case .settings:
      // A value may be of any kind: which one, the field at its path says.
      entries += [("type", .string("object")), ("additionalProperties", .literal("true"))]
    case .choice(let key, let alternatives):
      entries.append(
        (
          "oneOf",
          .array(alternatives.map { .object([("description", .string($0.documentation))] + section($0.fields, with: (key, $0.name))) })
        ))
    }
    return .object(entries)
  }

  private static func list(_ element: OrderedJSON, _ count: ClosedRange<Int>) -> [(key: String, value: OrderedJSON)] {
    [
      ("type", .string("array")), ("minItems", .literal("\(count.lowerBound)")), ("maxItems", .literal("\(count.upperBound)")),
      ("items", element),
    ]
  }

  private static func type(_ value: ValueDescription) -> [(key: String, value: OrderedJSON)] {
    switch value.json {
    case .string(nil): [("type", .string("string"))]
    case .string(let pattern?): [("type", .string("string")), ("pattern", .string(pattern))]
    case .names(let names): [("enum", .array(names.map { .string($0) }))]
    case .integer(let minimum, let maximum):
      [("type", .string("integer")), ("minimum", .literal(minimum)), ("maximum", .literal(maximum))]
    case .boolean: [("type", .string("boolean"))]
    }
  }

  private static func sentence(on field: FieldDescription) -> String {
    guard case .value(let value) = field.kind else { return field.documentation }
    var text = "\(field.documentation) It is \(value.words)"
    if let range = value.range { text += ", \(range)" }
    if let initial = field.defaultText, initial.hasPrefix("(") { text += "; by default \(initial.dropFirst().dropLast())" }
    return text + "."
  }
}
