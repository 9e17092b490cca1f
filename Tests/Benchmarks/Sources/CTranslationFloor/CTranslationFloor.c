#include "CTranslationFloor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { l1_ways = 4, l1_sets = 16, l2_ways = 6, l2_sets = 256 };

/// The rights that a read in user mode needs: present, user.
static const uint64_t need = 1 | 4;
static const uint64_t frame_mask = ((1ull << 52) - 1) & ~4095ull;

struct way {
  uint64_t tag, entry;
};

struct floor_tlb {
  struct way l1[l1_sets * l1_ways];
  struct way l2[l2_sets * l2_ways];
};

struct floor_tlb *floor_tlb_create(void) { return calloc(1, sizeof(struct floor_tlb)); }
void floor_tlb_destroy(struct floor_tlb *tlb) { free(tlb); }

/// The way of a tag, moved to the front; 0 where there is none with the rights.
static inline uint64_t find(struct way *set, int ways, uint64_t tag) {
  for (int way = 0; way < ways; way++) {
    if (set[way].tag != tag) continue;
    struct way found = set[way];
    if ((found.entry & need) != need) return 0;
    for (; way > 0; way--) set[way] = set[way - 1];
    set[0] = found;
    return found.entry;
  }
  return 0;
}

static inline void insert(struct way *set, int ways, uint64_t tag, uint64_t entry) {
  struct way carried = {tag, entry};
  for (int way = 0; way < ways; way++) {
    struct way next = set[way];
    set[way] = carried;
    if (next.tag == tag) return;
    carried = next;
  }
}

/// One access: TLB, or else what `walk` finds.
#define TRANSLATE(walk)                                                                                                                  \
  uint64_t sum = 0, l1_hits = 0, l2_hits = 0, misses = 0;                                                                                \
  for (size_t i = 0; i < count; i++) {                                                                                                   \
    uint64_t address = addresses[i], page = address >> 12, tag = page << 19 | 1;                                                         \
    struct way *first = tlb->l1 + page % l1_sets * l1_ways;                                                                              \
    uint64_t entry = find(first, l1_ways, tag);                                                                                          \
    if (entry) {                                                                                                                         \
      l1_hits++;                                                                                                                         \
    } else {                                                                                                                             \
      struct way *second = tlb->l2 + page % l2_sets * l2_ways;                                                                           \
      entry = find(second, l2_ways, tag);                                                                                                \
      if (entry) {                                                                                                                       \
        l2_hits++;                                                                                                                       \
      } else {                                                                                                                           \
        misses++;                                                                                                                        \
        entry = (walk);                                                                                                                  \
        insert(second, l2_ways, tag, entry);                                                                                             \
      }                                                                                                                                  \
      insert(first, l1_ways, tag, entry);                                                                                                \
    }                                                                                                                                    \
    sum += (entry & frame_mask) >> 12;                                                                                                   \
  }                                                                                                                                      \
  counts->l1_hits += l1_hits;                                                                                                            \
  counts->l2_hits += l2_hits;                                                                                                            \
  counts->misses += misses;                                                                                                              \
  return sum

uint64_t floor_tlb_run(struct floor_tlb *tlb, const uint64_t *addresses, size_t count, struct floor_counts *counts) {
  TRANSLATE((page & 0xffffff) << 12 | need);
}

/// The first guest frame of data.
static const uint64_t first_data = 1 << 20;

/// Words of tables; frame f begins at word 512 f. Frames from `frames` on hold data and have no words.
struct floor_tables {
  uint64_t *words;
  uint64_t frames;      ///< Frames of tables in `words`.
  uint64_t composed_root; ///< Tables that hold host frames.
  uint64_t native_root;   ///< Tables whose leaves hold guest frames.
  uint64_t *host_frames;  ///< Of each guest frame of data, less the first, the leaf: its host frame and rights.
  uint64_t guest_root;  ///< The guest-physical frame of the guest's root.
  uint64_t ept_root;
  uint64_t used, guest_used;
  uint64_t scatter; ///< A power of two, less one: numbers of data frames are mixed below it.
};

static uint64_t index_at(uint64_t address, int level) { return address >> (12 + 9 * (level - 1)) & 511; }

/// The slot for an address in tables of a root, with tables added down to level 1. `host_of` tells where a table's frame is.
static uint64_t *slot(struct floor_tables *t, uint64_t root, uint64_t address) {
  uint64_t frame = root;
  for (int level = 4; level > 1; level--) {
    uint64_t *entry = t->words + frame * 512 + index_at(address, level);
    if (!*entry) *entry = t->used++ << 12 | 7;
    frame = (*entry & frame_mask) >> 12;
  }
  return t->words + frame * 512 + index_at(address, 1);
}

static void map_guest_frame(struct floor_tables *t, uint64_t guest, uint64_t host) { *slot(t, t->ept_root, guest << 12) = host << 12 | 7; }

/// A new guest table: a guest frame that the EPT maps to a frame with words.
static uint64_t guest_table(struct floor_tables *t) {
  uint64_t guest = t->guest_used++;
  map_guest_frame(t, guest, t->used++);
  return guest;
}

static uint64_t host_of(const struct floor_tables *t, uint64_t guest) {
  uint64_t frame = t->ept_root;
  for (int level = 4; level > 0; level--) frame = (t->words[frame * 512 + index_at(guest << 12, level)] & frame_mask) >> 12;
  return frame;
}

struct floor_tables *floor_tables_create(uint64_t base, size_t pages) {
  struct floor_tables *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  t->frames = pages / 512 * 5 + 64;
  // In huge pages, as memlab keeps its tables.
  const size_t huge = 2 << 20, bytes = (t->frames * 4096 + huge - 1) / huge * huge;
  t->words = aligned_alloc(huge, bytes);
  t->scatter = 1;
  while (t->scatter < pages) t->scatter *= 2;
  const size_t leaf_bytes = (t->scatter * 8 + huge - 1) / huge * huge;
  t->host_frames = aligned_alloc(huge, leaf_bytes);
  if (!t->words || !t->host_frames) {
    floor_tables_destroy(t);
    return NULL;
  }
  madvise(t->words, bytes, MADV_HUGEPAGE);
  memset(t->words, 0, bytes);
  madvise(t->host_frames, leaf_bytes, MADV_HUGEPAGE);
  memset(t->host_frames, 0, leaf_bytes);
  t->scatter -= 1;
  t->composed_root = t->used++;
  t->native_root = t->used++;
  t->ept_root = t->used++;
  t->guest_root = guest_table(t);
  for (size_t page = 0; page < pages; page++) {
    uint64_t address = base + page * 4096, guest = t->guest_root;
    for (int level = 4; level > 1; level--) {
      uint64_t *entry = t->words + host_of(t, guest) * 512 + index_at(address, level);
      if (!*entry) *entry = guest_table(t) << 12 | 7;
      guest = (*entry & frame_mask) >> 12;
    }
    uint64_t data_guest = first_data + (page * 0x9e3779b1ull & t->scatter), data_host = (1 << 24) + (page * 0x85ebca6bull & t->scatter);
    t->words[host_of(t, guest) * 512 + index_at(address, 1)] = data_guest << 12 | 7;
    map_guest_frame(t, data_guest, data_host);
    *slot(t, t->composed_root, address) = data_host << 12 | 7;
    *slot(t, t->native_root, address) = data_guest << 12 | 7;
    t->host_frames[data_guest - first_data] = data_host << 12 | 7;
  }
  return t;
}

void floor_tables_destroy(struct floor_tables *tables) {
  free(tables->words);
  free(tables->host_frames);
  free(tables);
}

static inline uint64_t walk_4(const uint64_t *words, uint64_t root, uint64_t address, uint64_t rights) {
  uint64_t entry = root << 12;
  for (int level = 4; level > 0; level--) {
    entry = words[(entry & frame_mask) / 8 + index_at(address, level)];
    if (!(entry & 1)) return 0;
    rights &= entry;
  }
  return (entry & frame_mask) | (rights & 7);
}

static inline uint64_t walk_native(const struct floor_tables *t, uint64_t address) {
  uint64_t entry = walk_4(t->words, t->native_root, address, 7), guest = (entry & frame_mask) >> 12;
  // A frame that is none of the data's has no leaf.
  if (guest - first_data > t->scatter) return 0;
  uint64_t leaf = t->host_frames[guest - first_data];
  return (leaf & frame_mask) | (leaf & entry & 7);
}

static inline uint64_t walk_24(const struct floor_tables *t, uint64_t address) {
  uint64_t entry = t->guest_root << 12, rights = 7;
  for (int level = 4; level > 0; level--) {
    uint64_t table = walk_4(t->words, t->ept_root, entry & frame_mask, 7);
    if (!table) return 0;
    entry = t->words[(table & frame_mask) / 8 + index_at(address, level)];
    if (!(entry & 1)) return 0;
    rights &= entry;
  }
  return walk_4(t->words, t->ept_root, entry & frame_mask, rights);
}

uint64_t floor_walk_4(struct floor_tlb *tlb, const struct floor_tables *tables, const uint64_t *addresses, size_t count,
                      struct floor_counts *counts) {
  TRANSLATE(walk_4(tables->words, tables->composed_root, address, 7));
}

uint64_t floor_walk_native(struct floor_tlb *tlb, const struct floor_tables *tables, const uint64_t *addresses, size_t count,
                           struct floor_counts *counts) {
  TRANSLATE(walk_native(tables, address));
}

uint64_t floor_walk_24(struct floor_tlb *tlb, const struct floor_tables *tables, const uint64_t *addresses, size_t count,
                       struct floor_counts *counts) {
  TRANSLATE(walk_24(tables, address));
}
