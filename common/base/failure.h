/* The description of a local failure, for people and for the exit status.
 *
 * A function that can fail has the form `bool f(..., struct failure *why)`. It fills `why` before it returns false.
 * Results that come from other hosts are not failures: they are values with a reason. Code that puts untrusted text into
 * a failure must quote that text first (text_quote()). Any thread. */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

#include <stdbool.h>

struct failure {
	int code;       /* a code from sysexits.h: EX_CONFIG, EX_OSERR, ... */
	char text[512]; /* what failed, which object, why, and what to do; longer text is cut */
};

/* Sets code and text. Always returns false, so that a caller can write `return failure_set(...)`. `why` may be NULL;
 * arguments may point into why->text. */
bool failure_set(struct failure *why, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Inserts a prefix and ": " before the text: "store_path" gives "store_path: ...". Always returns false. `why` may be
 * NULL. */
bool failure_prefix(struct failure *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
