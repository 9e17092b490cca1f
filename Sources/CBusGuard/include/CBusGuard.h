/* What happens when a mapped file is read behind its end.
 *
 * The kernel answers with SIGBUS, which ends the process. A guarded range answers with zeros instead: the handler puts a page of them in the
 * place of the one that is gone, notes it, and the read goes on. Whoever read the range asks afterwards whether what it saw was the file.
 * A fault outside every guarded range goes to whoever handled SIGBUS before.
 */
#ifndef MEMLAB_CBUSGUARD_H
#define MEMLAB_CBUSGUARD_H

#include <stdbool.h>
#include <stddef.h>

struct memlab_guard;

/* Guards a range of mapped memory. Returns NULL if there is no memory for the note. */
struct memlab_guard *memlab_guard_add(const void *base, size_t bytes);

/* Ends a guard, before its range is unmapped; nobody may read the range any more. */
void memlab_guard_remove(struct memlab_guard *guard);

/* Whether a read of the range was answered with zeros in the file's place. */
bool memlab_guard_was_hit(const struct memlab_guard *guard);

#endif
