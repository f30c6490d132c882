/* Words for people, the same in the tool and on the status page: quoted text, times, sizes. Any thread. */
#ifndef SHOWN_WORDS_H
#define SHOWN_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define QUOTE_SIZE 1200
struct quote {
	char text[QUOTE_SIZE];
};
/* Quote untrusted text, as text_quote() does. Return `quote->text`. */
const char *quote_bytes(struct quote *quote, const char *bytes, size_t len);
const char *quote_string(struct quote *quote, const char *string);

#define WHEN_SIZE 64
struct when {
	char text[WHEN_SIZE];
};
/* when_date() formats seconds since the epoch, such as `2026-01-31T12:00:00Z`, or `never` for 0. when_span() formats a
 * number of seconds in its two largest units, such as `3h 5m`. Both return `when->text`. */
const char *when_date(struct when *when, int64_t at);
const char *when_span(struct when *when, int64_t seconds);

/* Formats microseconds with a unit: `85 us`, `4.9 ms`, `2.5 s`. Returns `when->text`. */
const char *duration_text(struct when *when, int64_t us);

/* Formats a number of octets with a unit, such as `12M`. Returns `when->text`. */
const char *bytes_text(struct when *when, uint64_t bytes);

#endif
