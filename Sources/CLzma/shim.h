/* liblzma, whose initializer of a stream is a macro that Swift does not see. */
#ifndef MEMLAB_CLZMA_SHIM_H
#define MEMLAB_CLZMA_SHIM_H
#include <lzma.h>

/* A stream that holds nothing yet. */
static inline lzma_stream memlab_lzma_empty(void) {
  lzma_stream stream = LZMA_STREAM_INIT;
  return stream;
}
#endif
