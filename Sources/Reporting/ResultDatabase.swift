internal import GRDB
internal import Laboratory
internal import PageSharing
internal import Scenarios

/// A run as a SQLite database: the same numbers as the other files, for questions that need a query.
///
/// The same result gives the same bytes: one connection, a fixed page size, one transaction, then `VACUUM`, which writes the file anew in the
/// order of its tables and leaves no free page. The rollback journal is SQLite's default and is gone when the file is closed.
enum ResultDatabase {
  /// Writes the database into a new file.
  static func write(_ result: RunResult, to path: String) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    // GRDB wraps writes in transactions of its own, and neither the page size nor VACUUM may be set within one.
    try queue.inDatabase { database in
      try database.execute(sql: "PRAGMA page_size = 4096; PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF")
      try database.inTransaction {
        try database.execute(sql: schema)
        try fill(database, result)
        return .commit
      }
      try database.execute(sql: "VACUUM")
    }
    try queue.close()
  }

  /// The tables. Their comments are kept in the file: SQLite shows them with `.schema`.
  static let schema = """
    CREATE TABLE run ( -- The run: one row. Amounts are those at its end unless a name says otherwise.
      scenario TEXT NOT NULL, -- the scenario's name
      description TEXT NOT NULL, -- what it shows
      seed TEXT NOT NULL, -- in decimal digits: it may exceed SQLite's integers
      state TEXT NOT NULL CHECK (state IN ('complete', 'partial')),
      virtual_ns INTEGER NOT NULL, -- how far virtual time got
      total_bytes INTEGER NOT NULL, -- physical memory of the host
      free_bytes INTEGER NOT NULL,
      free_min_bytes INTEGER NOT NULL, -- the least after any event
      private_bytes INTEGER NOT NULL, -- frames that one guest alone has
      shared_bytes INTEGER NOT NULL, -- frames made shareable, each counted once
      ballooned_bytes INTEGER NOT NULL, -- guest pages that balloons hold
      swapped_bytes INTEGER NOT NULL, -- guest pages on the swap device
      saved_pages INTEGER NOT NULL, -- guest pages that need no frame of their own: saved_zero + saved_self + saved_inter
      saved_zero INTEGER NOT NULL,
      saved_self INTEGER NOT NULL,
      saved_inter INTEGER NOT NULL,
      merges INTEGER NOT NULL, -- pages merged since the start
      cow_breaks INTEGER NOT NULL, -- shared pages copied because a guest wrote to them, since the start
      full_scans INTEGER NOT NULL, -- this and the next columns: the scanner's counters, by the kernel's names
      pages_scanned INTEGER NOT NULL,
      pages_skipped INTEGER NOT NULL,
      pages_shared INTEGER NOT NULL,
      pages_sharing INTEGER NOT NULL,
      pages_unshared INTEGER NOT NULL,
      pages_volatile INTEGER NOT NULL,
      ksm_zero_pages INTEGER NOT NULL,
      stable_node_chains INTEGER NOT NULL,
      stable_node_dups INTEGER NOT NULL,
      general_profit INTEGER NOT NULL,
      first_merge_ns INTEGER, -- when the first page was merged; NULL if none was
    \(SharingSummary.workColumns.map { "  scanner_\($0.name) INTEGER NOT NULL," }.joined(separator: "\n"))
      scanner_cpu_ns INTEGER NOT NULL, -- this and the columns before it: what the scanner did, and the processor time that it took
      audit_samples INTEGER NOT NULL, -- how often all laws were checked
      audit_violations INTEGER NOT NULL -- how many breaches were found
    );
    CREATE TABLE vms ( -- A row for each virtual machine at the end of the run, in the scenario's order.
      id INTEGER PRIMARY KEY, -- its place in the scenario, from 0
      name TEXT NOT NULL,
      paging TEXT NOT NULL, -- how its addresses were translated; the table columns defines the rest. "references" needs its quotation marks
    \(VMSummary.columns.map(declaration).joined(separator: ",\n"))
    );
    CREATE TABLE exits ( -- VM exits since the start.
      vm_id INTEGER NOT NULL REFERENCES vms(id),
      reason TEXT NOT NULL,
      count INTEGER NOT NULL
    );
    CREATE TABLE metrics ( -- What the samples measure.
      name TEXT PRIMARY KEY,
      unit TEXT NOT NULL,
      scope TEXT NOT NULL, -- of what it was sampled: host, vm, both, or not at all
      definition TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE samples ( -- The timeline: a metric's value at a moment of virtual time.
      t_ns INTEGER NOT NULL,
      vm TEXT NOT NULL, -- the machine's name; empty for the host
      metric TEXT NOT NULL REFERENCES metrics(name),
      value -- an integer for counts and amounts, a real number for rates, in the metric's unit
    );
    CREATE TABLE columns ( -- What the columns of vms hold.
      name TEXT PRIMARY KEY,
      unit TEXT NOT NULL,
      definition TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX samples_by_series ON samples(metric, vm, t_ns);
    CREATE INDEX samples_by_time ON samples(t_ns);
    CREATE INDEX exits_by_reason ON exits(reason, vm_id);
    """

  /// A column of `vms`. Its name is quoted because one of them, "references", is a word of SQL.
  private static func declaration(name: String, unit: String, meaning: String) -> String {
    "  \"\(name)\" \(unit == "ratio" || name == "references_per_walk" ? "REAL" : "INTEGER")"
  }

  private static func fill(_ database: Database, _ result: RunResult) throws {
    try insert(into: "run", [runRow(result)], database)
    try insert(
      into: "vms",
      result.vms.enumerated().map { id, vm in
        [id.databaseValue, vm.name.databaseValue, vm.paging.databaseValue] + vm.columnValues.map(\.databaseValue)
      }, database)
    try insert(
      into: "exits",
      result.vms.enumerated().flatMap { id, vm in
        vm.exits.map { [id.databaseValue, $0.reason.databaseValue, integer($0.count)] }
      }, database)
    try insert(into: "metrics", ResultTables.metrics(result).rows.map { $0.map(\.databaseValue) }, database)
    try insert(
      into: "samples",
      result.timeline.lazy.map { sample in
        [integer(sample.timeNanoseconds), sample.vm.databaseValue, sample.metric.rawValue.databaseValue, sample.value.databaseValue]
      }, database)
    try insert(
      into: "columns", VMSummary.columns.map { [$0.name.databaseValue, $0.unit.databaseValue, $0.meaning.databaseValue] }, database)
  }

  private static func runRow(_ result: RunResult) -> [DatabaseValue] {
    let (host, sharing, ksm) = (result.host, result.sharing, result.sharing.ksm)
    let names = [result.scenario.name, result.scenario.description, String(result.scenario.seed), result.state.rawValue]
    let counts = [
      result.virtualNanoseconds, host.totalBytes, host.freeBytes, host.freeMinBytes, host.privateBytes, host.sharedBytes,
      host.balloonedBytes,
      host.swappedBytes, sharing.savedPages, sharing.savedZero, sharing.savedSelf, sharing.savedInter, sharing.merges, sharing.cowBreaks,
      ksm.fullScans, ksm.pagesScanned, ksm.pagesSkipped, ksm.pagesShared, ksm.pagesSharing, ksm.pagesUnshared, ksm.pagesVolatile,
      ksm.ksmZeroPages, ksm.stableNodeChains, ksm.stableNodeDups,
    ]
    let work = SharingSummary.workColumns.map { sharing.work[keyPath: $0.value] } + [sharing.scannerNanoseconds]
    return names.map(\.databaseValue) + counts.map(integer)
      + [ksm.generalProfit.databaseValue, sharing.firstMergeNanoseconds.map(integer) ?? .null]
      + (work + [result.audit.samples, result.audit.violations]).map(integer)
  }

  /// Inserts rows with one prepared statement.
  private static func insert(into table: String, _ rows: some Sequence<[DatabaseValue]>, _ database: Database) throws {
    var statement: Statement?
    for row in rows {
      let places = repeatElement("?", count: row.count).joined(separator: ", ")
      let prepared = try statement ?? database.makeStatement(sql: "INSERT INTO \(table) VALUES (\(places))")
      try prepared.execute(arguments: StatementArguments(row))
      statement = prepared
    }
  }

  /// A count as SQLite holds it; its integers end at 2^63 - 1, far above any count of a run.
  fileprivate static func integer(_ count: UInt64) -> DatabaseValue { Int64(clamping: count).databaseValue }
}

extension MetricValue {
  /// The value in a database; NULL for what is no number.
  fileprivate var databaseValue: DatabaseValue {
    switch self {
    case .count(let count): ResultDatabase.integer(count)
    case .integer(let integer): integer.databaseValue
    case .real(let real): real.isFinite ? real.databaseValue : .null
    }
  }
}
