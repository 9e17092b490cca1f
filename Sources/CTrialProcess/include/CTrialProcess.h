/* The two things that a program of many threads cannot do in Swift: fork processes that go on without an exec, and leave a watchdog
 * behind that puts a setting of the kernel back however the program ends.
 *
 * Both are one per process, since KSM is one per machine and its lock is taken first. So nothing here takes or gives a pointer.
 */
#ifndef MEMLAB_CTRIALPROCESS_H
#define MEMLAB_CTRIALPROCESS_H

#include <stdint.h>

/* ---- The knobs of KSM and their watchdog (ksm_session.c) ---- */

enum memlab_ksm_knob {
  MEMLAB_KSM_RUN,
  MEMLAB_KSM_ADVISOR, /* 0: none, 1: scan-time */
  MEMLAB_KSM_MAX_PAGE_SHARING,
  MEMLAB_KSM_MERGE_ACROSS_NODES,
  MEMLAB_KSM_USE_ZERO_PAGES,
  MEMLAB_KSM_SMART_SCAN,
  MEMLAB_KSM_PAGES_TO_SCAN,
  MEMLAB_KSM_SLEEP_MILLISECS,
  MEMLAB_KSM_PRUNE_MILLISECS,
  MEMLAB_KSM_KNOBS
};

/* Takes the machine-wide lock without waiting. 0, or an error number: EWOULDBLOCK while somebody else holds it. */
int32_t memlab_ksm_lock(void);

/* Reads all knobs and starts the watchdog, which writes them back, and first lets go of all that was merged, as soon as this process calls
 * memlab_ksm_end or is gone. Needs the lock. 0, or an error number. */
int32_t memlab_ksm_guard(void);

/* A knob's value, or minus an error number; ENOENT where this kernel does not have it. */
int64_t memlab_ksm_get(int32_t knob);

/* Sets a knob. 0, or an error number. Knobs that this kernel does not have are left alone (ENOENT). */
int32_t memlab_ksm_set(int32_t knob, uint64_t value);

/* Lets the watchdog put everything back, waits until it has done so, and gives the lock back. 0, or the error number of the first knob that
 * could not be put back. Does nothing without a lock. */
int32_t memlab_ksm_end(void);

/* ---- Processes that hold one anonymous area each and do as they are told (trial_process.c) ---- */

enum memlab_trial_operation {
  /* Pages first... take the contents value, value + 1, ... */
  MEMLAB_TRIAL_COPY = 1,
  /* Pages first... all take the content value. */
  MEMLAB_TRIAL_FILL,
  /* One byte of page first: offset in the low 12 bits of value, the byte above them. */
  MEMLAB_TRIAL_BYTE,
  /* Reads a byte of each page. */
  MEMLAB_TRIAL_READ,
  MEMLAB_TRIAL_DISCARD,
  MEMLAB_TRIAL_MERGEABLE,
  MEMLAB_TRIAL_UNMERGEABLE,
  MEMLAB_TRIAL_PROTECT,
  MEMLAB_TRIAL_UNPROTECT,
  /* Forks: the child is process value. */
  MEMLAB_TRIAL_FORK,
};

/* Makes room for so many page contents and processes. 0, or an error number: EBUSY while a trial is going on. */
int32_t memlab_trial_open(uint32_t contents, uint32_t processes);

/* Stores a word (8 bytes, as this machine orders them) of a content. */
void memlab_trial_store(uint32_t content, uint32_t word, uint64_t value);

/* Starts a process with an area of so many pages. 0, or an error number. */
int32_t memlab_trial_spawn(uint32_t process, uint32_t pages);

/* Adds an operation to the list of what is to be done next. Returns how many more fit. */
uint32_t memlab_trial_add(uint32_t code, uint32_t first, uint32_t count, uint32_t value);

/* Lets a process do all that is on the list, in order, and empties the list. 0; the error number of the operation that failed, after which
 * nothing more was done; ECHILD if the process is gone. */
int32_t memlab_trial_perform(uint32_t process);

/* The number by which the system knows the process; 0 if there is none. */
int32_t memlab_trial_pid(uint32_t process);

/* Ends a process, and returns when its memory is gone. */
void memlab_trial_end(uint32_t process);

/* Ends all processes and gives everything back. */
void memlab_trial_close(void);

#endif
