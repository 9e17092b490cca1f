#define _GNU_SOURCE
#include "CTrialProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a session ends, whoever ends it:
 *
 * The watchdog is a child that reads from a pipe whose other end only this process holds. The read returns when that end is closed: by
 * memlab_ksm_end, or by the kernel when the process is gone, be it by exit, a signal or SIGKILL. Then the watchdog lets go of all merged
 * pages (run = 2), writes the knobs back and ends. It holds the lock too, so nobody else begins before it is done. There is no other way
 * by which knobs are put back, so the way that matters in an accident is the one that is taken every day.
 *
 * It does not help against the SIGKILL of the watchdog itself.
 */

#define FOLDER "/sys/kernel/mm/ksm/"
#define LOCK_FILE "/run/lock/memlab-ksm.lock"

static const char *const paths[MEMLAB_KSM_KNOBS] = {
    [MEMLAB_KSM_RUN] = FOLDER "run",
    [MEMLAB_KSM_ADVISOR] = FOLDER "advisor_mode",
    [MEMLAB_KSM_MAX_PAGE_SHARING] = FOLDER "max_page_sharing",
    [MEMLAB_KSM_MERGE_ACROSS_NODES] = FOLDER "merge_across_nodes",
    [MEMLAB_KSM_USE_ZERO_PAGES] = FOLDER "use_zero_pages",
    [MEMLAB_KSM_SMART_SCAN] = FOLDER "smart_scan",
    [MEMLAB_KSM_PAGES_TO_SCAN] = FOLDER "pages_to_scan",
    [MEMLAB_KSM_SLEEP_MILLISECS] = FOLDER "sleep_millisecs",
    [MEMLAB_KSM_PRUNE_MILLISECS] = FOLDER "stable_node_chains_prune_millisecs",
};

static atomic_bool in_use;
static int lock_file = -1;
static int leash = -1;
static pid_t watchdog;
static int64_t saved[MEMLAB_KSM_KNOBS];

int32_t memlab_ksm_lock(void) {
  if (atomic_exchange(&in_use, true)) return EWOULDBLOCK;
  int error = 0;
  lock_file = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_file >= 0 && flock(lock_file, LOCK_EX | LOCK_NB) == 0) return 0;
  error = errno;
  if (lock_file >= 0) close(lock_file);
  lock_file = -1;
  atomic_store(&in_use, false);
  return error;
}

int64_t memlab_ksm_get(int32_t knob) {
  if (knob < 0 || knob >= MEMLAB_KSM_KNOBS) return -EINVAL;
  int file = open(paths[knob], O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  char text[64];
  ssize_t count = read(file, text, sizeof text - 1);
  int error = errno;
  close(file);
  if (count < 0) return -error;
  text[count] = 0;
  if (knob == MEMLAB_KSM_ADVISOR) return strstr(text, "[scan-time]") != NULL;
  int64_t value = 0;
  for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++) value = value * 10 + (*digit - '0');
  return value;
}

/* Async-signal-safe: the watchdog calls it after a fork in a process of many threads. */
int32_t memlab_ksm_set(int32_t knob, uint64_t value) {
  if (knob < 0 || knob >= MEMLAB_KSM_KNOBS) return EINVAL;
  char text[24];
  char *first = text + sizeof text;
  if (knob == MEMLAB_KSM_ADVISOR) {
    first = value == 1 ? "scan-time" : "none";
  } else {
    *--first = 0;
    do *--first = (char)('0' + value % 10);
    while (value /= 10);
  }
  int file = open(paths[knob], O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  ssize_t count;
  do count = write(file, first, strlen(first));
  while (count < 0 && errno == EINTR);
  int error = count < 0 ? errno : 0;
  close(file);
  return error;
}

static int put_back(void) {
  /* Pages that are still merged would forbid max_page_sharing and merge_across_nodes; run = 2 lets go of all of them and stops. */
  int error = memlab_ksm_set(MEMLAB_KSM_RUN, 2);
  memlab_ksm_set(MEMLAB_KSM_ADVISOR, 0);
  for (int knob = MEMLAB_KSM_MAX_PAGE_SHARING; knob < MEMLAB_KSM_KNOBS; knob++) {
    if (saved[knob] < 0) continue;
    int failed = memlab_ksm_set(knob, (uint64_t)saved[knob]);
    if (error == 0) error = failed;
  }
  if (saved[MEMLAB_KSM_ADVISOR] == 1) memlab_ksm_set(MEMLAB_KSM_ADVISOR, 1);
  int failed = memlab_ksm_set(MEMLAB_KSM_RUN, (uint64_t)saved[MEMLAB_KSM_RUN]);
  return error != 0 ? error : failed;
}

static void keep_two_files(int a, int b) {
  int low = a < b ? a : b, high = a < b ? b : a;
  if (low > 0) syscall(SYS_close_range, 0, low - 1, 0);
  if (high > low + 1) syscall(SYS_close_range, low + 1, high - 1, 0);
  syscall(SYS_close_range, high + 1, ~0U, 0);
}

static _Noreturn void watch(int end) {
  keep_two_files(end, lock_file);
  setsid();
  prctl(PR_SET_NAME, "memlab-watchdog");
  char byte;
  ssize_t count;
  do count = read(end, &byte, 1);
  while (count > 0 || (count < 0 && errno == EINTR));
  _exit(put_back());
}

int32_t memlab_ksm_guard(void) {
  for (int knob = 0; knob < MEMLAB_KSM_KNOBS; knob++) {
    saved[knob] = memlab_ksm_get(knob);
    if (saved[knob] < 0 && saved[knob] != -ENOENT) return (int32_t)-saved[knob];
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  /* The watchdog begins with all signals blocked, and stays so: an interrupt at the keyboard reaches it too. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  watchdog = fork();
  int error = errno;
  if (watchdog == 0) watch(ends[0]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[0]);
  if (watchdog < 0) {
    close(ends[1]);
    watchdog = 0;
    return error;
  }
  leash = ends[1];
  return 0;
}

int32_t memlab_ksm_end(void) {
  if (lock_file < 0) return 0;
  int error = 0;
  if (watchdog > 0) {
    close(leash);
    int status = 0;
    pid_t ended;
    do ended = waitpid(watchdog, &status, 0);
    while (ended < 0 && errno == EINTR);
    error = ended < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
  }
  leash = -1;
  watchdog = 0;
  close(lock_file);
  lock_file = -1;
  atomic_store(&in_use, false);
  return error;
}
