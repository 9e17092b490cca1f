/// The mode in which a guest's processor makes an access.
@frozen public enum Privilege: UInt8, Sendable {
  /// Ring 3.
  case user
  /// Rings 0 to 2.
  case supervisor
}
