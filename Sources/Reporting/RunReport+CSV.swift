public import Laboratory

extension RunReport {
  /// The virtual machines at the end of a run, one a row: the content of `vms.csv`.
  public static func csvText(_ result: RunResult) -> String { ResultTables.vms(result).text }
}
