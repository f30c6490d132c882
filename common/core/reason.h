/* The reasons: one row of reason.def each. Pure; any thread. */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include "span.h"

enum reason_class { REASON_GOOD, REASON_BAD, REASON_UNSURE, REASON_APART };

enum reason {
#define REASON(symbol, class, name, sentence, advice) REASON_##symbol,
#include "reason.def"
#undef REASON
	REASON_COUNT
};

enum reason_class reason_class(enum reason reason);
const char *reason_name(enum reason reason);
/* The reason of that name; REASON_COUNT if there is no such reason. */
enum reason reason_by_name(struct span name);
const char *reason_sentence(enum reason reason);
const char *reason_advice(enum reason reason);

#endif
