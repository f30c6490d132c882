/* The reasons of verdicts, of failed lookups and of probe results. Each reason has a row in reason.def. Pure; any
 * thread. All texts are static. */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include "span.h"

/* What a reason means for a hop whose evidence has it. REASON_GOOD and REASON_BAD are conclusive. REASON_GENERAL: the
 * reason does not concern a hop, and no evidence has it. */
enum reason_class { REASON_GOOD, REASON_BAD, REASON_INCONCLUSIVE, REASON_GENERAL };

enum reason {
#define REASON(symbol, class, name, sentence, here, there) REASON_##symbol,
#include "reason.def"
#undef REASON
	REASON_COUNT
};

enum reason_class reason_class(enum reason reason);
/* Returns the name that is used in logs, headers, replies, metrics, JSON and the store. */
const char *reason_name(enum reason reason);
/* Returns the reason with this name, or REASON_COUNT if there is none. */
enum reason reason_by_name(struct span name);
/* Returns a sentence that states what happened, without a full stop. Unless the class is REASON_GENERAL, the sentence
 * lacks its subject: the caller puts the host's name before it. */
const char *reason_sentence(enum reason reason);
/* Returns what the operator of this relay can do; "" if there is nothing to do. */
const char *reason_here(enum reason reason);
/* Returns what to write to the postmaster of the domain; "" if that person can do nothing. */
const char *reason_there(enum reason reason);

#endif
