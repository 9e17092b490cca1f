/// # TranslationCaching: what a processor remembers of its walks
///
/// A `TLBHierarchy` is two small tables of the first level, for instructions and for data, over a larger one of the second. Each is
/// set-associative: the low bits of the page number choose a set, and a set's few ways are kept in the order of their last use, so that
/// the last way is the least recently used and true LRU costs no clock and no search. A miss in both levels fills both; the levels are
/// neither inclusive nor exclusive, and an eviction below evicts nothing above.
///
/// An entry's tag is the page and a *context*, a number that stands for one VPID until that VPID is flushed. A flush gives the VPID
/// a new number and touches no entry: what is left under the old number can never match again and is evicted in time. Numbers
/// have 19 bits; when they run out, everything is cleared once and numbering starts again.
///
/// The invariant: *an entry answers only for the VPID and page it was filled for, and only between two flushes of that VPID*. Whether
/// the translation is still right is not the TLB's business: whoever changes a table invalidates, as on hardware.
///
/// What it counts: an access that completes counts once in its first level and, if it missed there, once in the second. A look-up that
/// finds nothing, or a right too few, counts only when `insert` fills what the walk found: so an access that faults and is retried
/// is one access, and misses equal completed walks.
///
/// When that may not hold: a large page is cached as its 4 KiB pieces, and an entry with too few rights for an access is
/// replaced by the walk's result, as if it had missed.
