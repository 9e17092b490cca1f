#define _GNU_SOURCE
#include "CTrialProcess.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Each process holds one anonymous area and takes its orders from a page that all of them share with memlab. Exactly one of them works at
 * a time, and memlab waits for it: so everything happens in the order of the trial.
 *
 * After the fork only system calls and memcpy are used: the other threads of memlab, which may have held any lock, are not there.
 */

#define PAGE 4096u
#define LIST_LENGTH 65536u

enum { IDLE, ORDERED, DONE };

struct operation {
  uint32_t code, first, count, value;
};

struct process {
  _Atomic uint32_t turn;
  _Atomic int32_t error;
  _Atomic int32_t pid;
  _Atomic uint32_t pages;
};

struct control {
  int32_t memlab;
  uint32_t contents;
  uint32_t processes;
  uint32_t listed;
  struct operation list[LIST_LENGTH];
  struct process process[];
};

static struct control *control;
static size_t control_bytes;
static unsigned char *palette;
static size_t palette_bytes;

/* In a process: its own area. It is at the same address in a child. */
static unsigned char *area;
static unsigned char *scratch;

static long wait_while(_Atomic uint32_t *word, uint32_t value, long milliseconds) {
  struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  return syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0);
}

static void wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0); }

static _Noreturn void obey(uint32_t number);

static void end_with_memlab(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != control->memlab) _exit(0);
}

static int fork_child(uint32_t number) {
  if (number >= control->processes) return EINVAL;
  atomic_store(&control->process[number].pages, 0);
  atomic_store(&control->process[number].turn, IDLE);
  /* A child of memlab, not of this process: it may outlive this one, and memlab is to wait for its end. */
  long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
  if (pid < 0) return errno;
  if (pid == 0) {
    end_with_memlab();
    obey(number);
  }
  atomic_store(&control->process[number].pid, (int32_t)pid);
  return 0;
}

static int advise(unsigned char *at, size_t bytes, int advice) { return madvise(at, bytes, advice) == 0 ? 0 : errno; }

static int carry_out(const struct operation *order) {
  unsigned char *at = area + (size_t)order->first * PAGE;
  size_t count = order->count, bytes = count * PAGE;
  switch (order->code) {
  case MEMLAB_TRIAL_COPY: memcpy(at, palette + (size_t)order->value * PAGE, bytes); return 0;
  case MEMLAB_TRIAL_FILL:
    for (size_t page = 0; page < count; page++) memcpy(at + page * PAGE, palette + (size_t)order->value * PAGE, PAGE);
    return 0;
  case MEMLAB_TRIAL_BYTE: *(volatile unsigned char *)(at + (order->value & 0xfff)) = (unsigned char)(order->value >> 12); return 0;
  case MEMLAB_TRIAL_READ:
    for (size_t page = 0; page < count; page++) (void)*(volatile unsigned char *)(at + page * PAGE);
    return 0;
  case MEMLAB_TRIAL_DISCARD: return advise(at, bytes, MADV_DONTNEED);
  case MEMLAB_TRIAL_MERGEABLE: return advise(at, bytes, MADV_MERGEABLE);
  case MEMLAB_TRIAL_UNMERGEABLE: return advise(at, bytes, MADV_UNMERGEABLE);
  case MEMLAB_TRIAL_PROTECT: return mprotect(at, bytes, PROT_NONE) == 0 ? 0 : errno;
  case MEMLAB_TRIAL_UNPROTECT: return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
  case MEMLAB_TRIAL_FORK: return fork_child(order->value);
  default: return EINVAL;
  }
}

static _Noreturn void obey(uint32_t number) {
  struct process *self = &control->process[number];
  for (;;) {
    uint32_t turn;
    while ((turn = atomic_load(&self->turn)) != ORDERED) {
      wait_while(&self->turn, turn, 1000);
      if (getppid() != control->memlab) _exit(0);
    }
    int error = 0;
    for (uint32_t index = 0; index < control->listed && error == 0; index++) error = carry_out(&control->list[index]);
    /* New pages wait in a list of this processor before the kernel puts them among those that it may reclaim, and a page on that list has a
     * reference too many to be merged. A full scan begins with emptying all such lists; the rest of one does not. To call memory cold empties that of
     * this processor (mm/madvise.c: lru_add_drain in madvise_cold). */
    *(volatile unsigned char *)scratch = 1;
    madvise(scratch, PAGE, MADV_COLD);
    atomic_store(&self->error, error);
    atomic_store(&self->turn, DONE);
    wake(&self->turn);
  }
}

/* The list of waiting pages is that of one processor: stay on it. */
static void stay_on_one_processor(void) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  CPU_ZERO(&one);
  for (int number = 0; number < CPU_SETSIZE; number++) {
    if (!CPU_ISSET(number, &allowed)) continue;
    CPU_SET(number, &one);
    break;
  }
  sched_setaffinity(0, sizeof one, &one);
}

static _Noreturn void live(uint32_t number) {
  end_with_memlab();
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGBUS, SIGSEGV};
  for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) signal(signals[index], SIG_DFL);
  syscall(SYS_close_range, 0, ~0U, 0);
  prctl(PR_SET_NAME, "memlab-trial");
  stay_on_one_processor();
  struct process *self = &control->process[number];
  size_t bytes = (size_t)atomic_load(&self->pages) * PAGE;
  /* A page without access on either side keeps the kernel from joining the area with a neighbour. */
  unsigned char *base = mmap(NULL, bytes + 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) _exit(ENOMEM);
  scratch = base;
  area = base + 2 * PAGE;
  if (mprotect(scratch, PAGE, PROT_READ | PROT_WRITE) != 0 || mprotect(area, bytes, PROT_READ | PROT_WRITE) != 0) _exit(ENOMEM);
  madvise(area, bytes, MADV_NOHUGEPAGE);
  obey(number);
}

int32_t memlab_trial_open(uint32_t contents, uint32_t processes) {
  if (control != NULL) return EBUSY;
  control_bytes = sizeof *control + processes * sizeof(struct process);
  palette_bytes = (contents == 0 ? 1 : (size_t)contents) * PAGE;
  void *shared = mmap(NULL, control_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return errno;
  void *pages = mmap(NULL, palette_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) {
    int error = errno;
    munmap(shared, control_bytes);
    return error;
  }
  control = shared;
  palette = pages;
  control->memlab = getpid();
  control->contents = contents;
  control->processes = processes;
  return 0;
}

void memlab_trial_store(uint32_t content, uint32_t word, uint64_t value) {
  if (control == NULL || content >= control->contents || word >= PAGE / 8) return;
  memcpy(palette + (size_t)content * PAGE + word * 8, &value, 8);
}

int32_t memlab_trial_spawn(uint32_t number, uint32_t pages) {
  if (control == NULL || number >= control->processes || atomic_load(&control->process[number].pid) != 0) return EINVAL;
  atomic_store(&control->process[number].pages, pages);
  atomic_store(&control->process[number].turn, IDLE);
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) live(number);
  atomic_store(&control->process[number].pid, pid);
  return memlab_trial_perform(number);
}

uint32_t memlab_trial_add(uint32_t code, uint32_t first, uint32_t count, uint32_t value) {
  if (control == NULL) return 0;
  if (control->listed < LIST_LENGTH) control->list[control->listed++] = (struct operation){code, first, count, value};
  return LIST_LENGTH - control->listed;
}

int32_t memlab_trial_perform(uint32_t number) {
  if (control == NULL || number >= control->processes) return EINVAL;
  struct process *process = &control->process[number];
  pid_t pid = atomic_load(&process->pid);
  if (pid == 0) return ECHILD;
  int32_t error = 0;
  atomic_store(&process->turn, ORDERED);
  wake(&process->turn);
  while (atomic_load(&process->turn) != DONE && error == 0) {
    wait_while(&process->turn, ORDERED, 100);
    if (atomic_load(&process->turn) == DONE) break;
    siginfo_t ended = {0};
    if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == pid) error = ECHILD;
  }
  control->listed = 0;
  return error != 0 ? error : atomic_load(&process->error);
}

int32_t memlab_trial_pid(uint32_t number) {
  return control == NULL || number >= control->processes ? 0 : atomic_load(&control->process[number].pid);
}

void memlab_trial_end(uint32_t number) {
  pid_t pid = memlab_trial_pid(number);
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
  atomic_store(&control->process[number].pid, 0);
}

void memlab_trial_close(void) {
  if (control == NULL) return;
  for (uint32_t number = 0; number < control->processes; number++) memlab_trial_end(number);
  munmap(control, control_bytes);
  munmap(palette, palette_bytes);
  control = NULL;
  palette = NULL;
}
