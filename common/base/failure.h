/* A failure of ours, for people: `bool f(..., struct failure *why)` fills it before it returns false. Outcomes of the
 * world are not failures; they are values with a reason. Whoever puts untrusted text into one quotes it first. */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

#include <stdbool.h>

struct failure {
	int code;       /* of sysexits.h: EX_CONFIG, EX_OSERR, ... */
	char text[512]; /* what happened, to what, why, what to do; cut if longer */
};

/* Returns false, so that `return failure_set(...)` reads well. `why` may be NULL. */
bool failure_set(struct failure *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts words and ": " before the text: "store_path" makes "store_path: ...". Returns false. */
bool failure_prefix(struct failure *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
