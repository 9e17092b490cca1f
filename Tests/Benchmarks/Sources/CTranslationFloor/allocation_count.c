#include <stdatomic.h>
#include <stddef.h>

#include "CTranslationFloor.h"

// The C library lets a program bring an allocator of its own; this one is the library's, counted. Memory from aligned_alloc and
// posix_memalign, which the Swift runtime asks for only with alignments above 16, is not counted.

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static _Atomic uint64_t count;

void *malloc(size_t bytes) {
  atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  return __libc_malloc(bytes);
}

void *calloc(size_t elements, size_t bytes) {
  atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  return __libc_calloc(elements, bytes);
}

void *realloc(void *old, size_t bytes) {
  atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  return __libc_realloc(old, bytes);
}

uint64_t allocation_count(void) { return atomic_load_explicit(&count, memory_order_relaxed); }
