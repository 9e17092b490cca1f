/* zlib's inflate, whose initializer is a macro that Swift does not see. */
#ifndef MEMLAB_CZLIB_SHIM_H
#define MEMLAB_CZLIB_SHIM_H
#include <zlib.h>

/* Prepares a zeroed stream: `bits` is 31 for gzip, -15 for bare deflate. Returns Z_OK or why not. */
static inline int memlab_inflate_begin(z_stream *stream, int bits) { return inflateInit2(stream, bits); }
#endif
