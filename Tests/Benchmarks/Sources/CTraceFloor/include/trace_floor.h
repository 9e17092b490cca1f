/* The floor of reading a trace: lackey's text turned into words by a plain loop in C, without a check of anything. */
#ifndef MEMLAB_TRACE_FLOOR_H
#define MEMLAB_TRACE_FLOOR_H

#include <stdint.h>

/* Reads a file of lackey's lines a block at a time and returns how many accesses it holds, one that crosses a page twice; their words are
 * added into *sum. Negative if the file cannot be read. */
int64_t memlab_floor_lackey(const char *path, uint64_t *sum);

#endif
