#define _GNU_SOURCE
#include "CBusGuard.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Guards form a list that only grows, so that the handler can walk it at any moment; one that has ended is used again. */
struct memlab_guard {
  atomic_bool taken;
  atomic_bool hit;
  _Atomic(uintptr_t) base;
  _Atomic(size_t) bytes;
  struct memlab_guard *next;
};

static _Atomic(struct memlab_guard *) guards;
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction before;
static uintptr_t page_size;

/* Async-signal-safe: atomic loads, and mmap, which is a plain system call on Linux. */
static void on_bus_error(int number, siginfo_t *info, void *context) {
  (void)context;
  uintptr_t address = (uintptr_t)info->si_addr;
  if (info->si_code == BUS_ADRERR) {
    for (struct memlab_guard *guard = atomic_load(&guards); guard != NULL; guard = guard->next) {
      uintptr_t base = atomic_load(&guard->base);
      if (base == 0 || address < base || address - base >= atomic_load(&guard->bytes)) continue;
      void *page = (void *)(address & ~(page_size - 1));
      atomic_store(&guard->hit, true);
      if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) return;
    }
  }
  /* Not ours: the instruction is run again under the action that was there before. A signal that somebody sent has to be sent again. */
  sigaction(SIGBUS, &before, NULL);
  if (info->si_code <= 0) raise(number);
}

static void install(void) {
  page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &before);
}

struct memlab_guard *memlab_guard_add(const void *base, size_t bytes) {
  pthread_once(&installed, install);
  struct memlab_guard *guard = atomic_load(&guards);
  while (guard != NULL && atomic_exchange(&guard->taken, true)) guard = guard->next;
  if (guard == NULL) {
    guard = calloc(1, sizeof *guard);
    if (guard == NULL) return NULL;
    atomic_store(&guard->taken, true);
    guard->next = atomic_load(&guards);
    while (!atomic_compare_exchange_weak(&guards, &guard->next, guard)) {
    }
  }
  atomic_store(&guard->hit, false);
  atomic_store(&guard->bytes, bytes);
  atomic_store(&guard->base, (uintptr_t)base);
  return guard;
}

void memlab_guard_remove(struct memlab_guard *guard) {
  atomic_store(&guard->base, 0);
  atomic_store(&guard->taken, false);
}

bool memlab_guard_was_hit(const struct memlab_guard *guard) { return atomic_load(&guard->hit); }
