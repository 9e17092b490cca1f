#include "trace_floor.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 128 << 10, BATCH = 8192 };

static char block[BLOCK + 64];
static uint64_t batch[BATCH + 8];

/* Empties a batch, as whoever consumes it would read it. */
static uint64_t consume(size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += batch[i];
  return sum;
}

static size_t put(size_t count, uint64_t address, uint64_t size, uint64_t kind) {
  batch[count++] = (address & ~7ull) | kind;
  if ((address ^ (address + size - 1)) >> 12) batch[count++] = ((address + size - 1) & ~0xfffull) | kind;
  return count;
}

int64_t memlab_floor_lackey(const char *path, uint64_t *sum) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  int64_t total = 0;
  size_t left = 0, count = 0;
  for (;;) {
    ssize_t got = read(file, block + left, BLOCK - left);
    if (got <= 0) break;
    const char *at = block, *end = block + left + got;
    while (end > at && end[-1] != '\n') end--;
    while (at < end) {
      char first = at[0], second = at[1];
      at += 3;
      uint64_t address = 0, size = 0;
      for (char c; (c = *at++) != ',';) address = address << 4 | ((c & 15) + (c >> 6) * 9);
      for (char c; (c = *at++) != '\n';) size = size * 10 + (c - '0');
      count = put(count, address, size, first == 'I' ? 2 : second == 'S');
      if (second == 'M') count = put(count, address, size, 1);
      if (count >= BATCH - 4) {
        *sum += consume(count);
        total += count;
        count = 0;
      }
    }
    left = block + left + got - end;
    memmove(block, end, left);
  }
  *sum += consume(count);
  close(file);
  return total + count;
}
