/* Atomic operations on words inside raw columns, which Swift's own Atomic type cannot address. */
#ifndef MEMLAB_CATOMIC_H
#define MEMLAB_CATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Loads with acquire order. */
static inline uint64_t memlab_atomic_load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

/* Replaces *expected by desired if it is still there; else *expected becomes what was found. */
static inline bool memlab_atomic_compare_exchange(uint64_t *word, uint64_t *expected, uint64_t desired) {
  return __atomic_compare_exchange_n(word, expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Stores a value and returns the one that it replaced. */
static inline uint32_t memlab_atomic_exchange32(uint32_t *word, uint32_t value) {
  return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}

/* Adds and returns the value before. */
static inline uint64_t memlab_atomic_add(uint64_t *word, uint64_t amount) {
  return __atomic_fetch_add(word, amount, __ATOMIC_RELAXED);
}

/* Asks for the line that holds an address, which need not be valid. */
static inline void memlab_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

/* Asks for every line of a range that will be read; where nothing is mapped, nothing happens. */
static inline void memlab_prefetch_bytes(const void *bytes, size_t count) {
  for (size_t offset = 0; offset < count; offset += 64) __builtin_prefetch((const char *)bytes + offset, 0, 3);
}

#endif
