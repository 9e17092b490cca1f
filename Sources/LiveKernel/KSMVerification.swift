public import PageSharing

/// The comparison of the model with this machine's kernel.
public enum KSMVerification {
  /// Carries a trial out twice, by the kernel and then by the model, and sets the counters side by side.
  /// - Throws: if the kernel cannot be asked; the model never fails.
  public static func compare(_ prepared: PreparedTrial, on kernel: KernelKSM) throws(KernelKSMError) -> TrialComparison {
    try compare(prepared.trial, prepared.layout, palette: SyntheticPages(prepared.contents), on: kernel)
  }

  /// The same for a trial whose contents come from elsewhere.
  public static func compare(
    _ trial: KSMTrial, _ layout: TrialLayout, palette: some PageSource, on kernel: KernelKSM
  ) throws(KernelKSMError) -> TrialComparison {
    let real = try KernelTrial(trial, layout: layout, palette: palette, kernel: kernel)
    defer { real.close() }
    let observed = try real.run(trial)
    real.close()
    return TrialComparison(trial: trial, kernel: observed, model: ModelTrial(trial, layout: layout, palette: palette).run(trial))
  }
}
