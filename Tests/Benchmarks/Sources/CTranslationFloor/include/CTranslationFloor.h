#ifndef CTRANSLATIONFLOOR_H
#define CTRANSLATIONFLOOR_H

/// The floor under memlab's translations: the same work as plain C does it, with one geometry, one replacement policy, one tag, no invalidation
/// and nothing that could be configured. The benchmarks measure memlab against it in the same run.

#include <stddef.h>
#include <stdint.h>

/// How many accesses hit in the first level, in the second, and in neither.
struct floor_counts {
  uint64_t l1_hits, l2_hits, misses;
};

/// A two-level TLB: 64 entries of 4 ways over 1536 of 6, ways in the order of their last use. Null where there is no memory.
struct floor_tlb *floor_tlb_create(void);
void floor_tlb_destroy(struct floor_tlb *tlb);

/// Translates reads of addresses; a page that misses is filled with the frame of its own number.
/// Returns the sum of the frames; adds to the counts.
uint64_t floor_tlb_run(struct floor_tlb *tlb, const uint64_t *addresses, size_t count, struct floor_counts *counts);

/// Guest tables of 4 levels that map `pages` pages from `base` on, and EPT tables of 4 levels under them, as words in one array.
/// Frames are handed out in an order without order. Null where there is no memory.
struct floor_tables *floor_tables_create(uint64_t base, size_t pages);
void floor_tables_destroy(struct floor_tables *tables);

/// As `floor_tlb_run`, but a miss walks: 4 references to tables that hold host frames; 4 to tables that hold guest frames, and one more to an
/// array that tells their host frames; or 24 to the guest's and the EPT's.
uint64_t floor_walk_4(struct floor_tlb *tlb, const struct floor_tables *tables, const uint64_t *addresses, size_t count,
                      struct floor_counts *counts);
uint64_t floor_walk_native(struct floor_tlb *tlb, const struct floor_tables *tables, const uint64_t *addresses, size_t count,
                           struct floor_counts *counts);
uint64_t floor_walk_24(struct floor_tlb *tlb, const struct floor_tables *tables, const uint64_t *addresses, size_t count,
                       struct floor_counts *counts);

/// How often this process has asked the C library for memory: malloc, calloc and realloc.
uint64_t allocation_count(void);

#endif
