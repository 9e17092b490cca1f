/* libxxhash behind three functions.
 *
 * On x86-64 the library's dispatching entry points choose SSE2, AVX2 or AVX-512 at run time. In release 0.8.1 they return
 * without `vzeroupper`, after which every SSE instruction of the caller is up to four times slower: each shim issues it.
 */
#ifndef MEMLAB_CXXHASH_SHIM_H
#define MEMLAB_CXXHASH_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <xxh_x86dispatch.h>

/* XXH3, 64 bits, seed 0. */
__attribute__((target("avx"))) static inline uint64_t memlab_xxh3_64(const void *bytes, size_t count) {
  uint64_t hash = XXH3_64bits_dispatch(bytes, count);
  _mm256_zeroupper();
  return hash;
}

/* XXH3, 128 bits, seed 0. */
__attribute__((target("avx"))) static inline XXH128_hash_t memlab_xxh3_128(const void *bytes, size_t count) {
  XXH128_hash_t hash = XXH3_128bits_dispatch(bytes, count);
  _mm256_zeroupper();
  return hash;
}
#else
static inline uint64_t memlab_xxh3_64(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }
static inline XXH128_hash_t memlab_xxh3_128(const void *bytes, size_t count) { return XXH3_128bits(bytes, count); }
#endif

/* XXH64, seed 0: the function whose low 32 bits Linux KSM keeps as a page's checksum. */
static inline uint64_t memlab_xxh64(const void *bytes, size_t count) { return XXH64(bytes, count, 0); }

#endif
