/// # TranslationCaching: what a processor remembers of its walks
///
/// A `TLBHierarchy` holds all of it: TLB structures of one or two levels, for fetches, data or both, for some page sizes or all;
/// paging-structure caches for the guest's tables and for the host's; a nested TLB. They are one object because one invalidation acts on
/// all of them. Each is a `WayTable`, sets of ways: low bits of the page number choose a set, and under true LRU a set's ways are kept in
/// the order of their last use, so that the last one is the least recently used and replacement costs neither a clock nor a search. A miss
/// in both levels fills both; they are neither inclusive nor exclusive, and an eviction below evicts nothing above.
///
/// **Tags.** A translator registers what its translations belong to, a `TLBTag` of VPID, PCID and EPT root, and gets a `TLBSpace`, a small
/// index. An entry's own tag is one word: the page, a *context*, and the page's size. A context is a number that stands for one space until
/// the space is flushed: then the space gets a new one, and what is left under the old can never match again. Global entries have a context
/// of their VPID and EPT root, which every space of that pair looks up too; walk caches have contexts of their own, since INVLPG drops all
/// of a PCID's paging-structure entries but only one of its pages. Numbers have 17 bits here and 22 there; when they run out, everything is
/// cleared once. A flush takes constant time where the flushed context is the only one in use; where others are, the dead ways are emptied
/// at once, since a processor fills an empty way before it gives up a live one.
///
/// **Sizes.** A structure of several sizes holds them side by side: `l1d=64x4` alone takes 4 KiB, 2 MiB and 1 GiB pages in the same sets,
/// each indexed by its own page number. A look-up probes only the sizes that were ever filled since the last flush: a guest with small
/// pages pays for nothing else. A size that a level has no structure for is kept there in pieces. A piece, whether cut here or by small
/// pages of the host under a large one of the guest, remembers the size of the guest's page, because INVLPG of any address of that page
/// must drop it.
///
/// The invariants: *an entry answers only for the tag and page that it was filled for, and only until an operation that must forget it*;
/// *`invalidate` forgets what `TLBInvalidation` lists, and nothing else*; *a tag is in a set at most once*. Whether a translation is still
/// right is not this module's business: whoever changes a table invalidates, as on hardware.
///
/// **Speed.** A space with 4 KiB pages alone under LRU takes a path of its own, inlined into the translator's loop: two ways of the first
/// level are compared there, the rest in one call. Nothing is counted: the loop counts what misses and what hits in the second level, and
/// what hit in the first is the rest.
///
/// When it may not hold: a processor may forget more than it must, at any time, and may keep an entry of each size for one address after a
/// change of page size; so may this one keep the latter, and it then answers with the smallest. Real replacement is rarely true LRU. Walk
/// caches of real processors may share entries between levels; here each level has its own.
