/* What an operator should know beyond single messages: the kinds (event.def), and one event as it is kept, merged of
 * all that happened of its kind to its domain. Pure; any thread. Times are wall-clock seconds. */
#ifndef CORE_EVENT_RECORD_H
#define CORE_EVENT_RECORD_H

#include "domain.h"
#include "entry.h"

#define EVENT_DETAIL_SIZE 512
#define EVENT_NUMBER_MAX 31 /* of a kind, in the store */

enum event_kind {
#define EVENT(symbol, number, name, severity, sentence, advice) EVENT_##symbol,
#include "event.def"
#undef EVENT
	EVENT_KIND_COUNT
};
enum event_severity { EVENT_INFO, EVENT_WARNING, EVENT_ERROR };

struct event_record {
	enum event_kind kind;
	char domain[DOMAIN_SIZE];       /* "": of the machine or the store as a whole */
	char detail[EVENT_DETAIL_SIZE]; /* of the newest: printable ASCII, words of others quoted already */
	int64_t first_at, last_at;
	uint32_t count; /* stays at its largest */
};

const char *event_name(enum event_kind kind);
bool event_find(const char *name, enum event_kind *kind);
uint8_t event_number(enum event_kind kind); /* in the store */
enum event_severity event_severity(enum event_kind kind);
const char *event_severity_name(enum event_severity severity);
const char *event_sentence(enum event_kind kind);
const char *event_advice(enum event_kind kind);

/* One that happened now. A detail that is too long is cut, what is not printable becomes `?`. */
void event_record_init(
	struct event_record *event, enum event_kind kind, const char *domain, const char *detail, int64_t now);
/* `later` is of the same kind and domain. */
void event_merge(struct event_record *event, const struct event_record *later);

/* As core/entry.h says of encoding. False also for a kind that only a later version knows. */
struct bytes event_encode(const struct event_record *event);
bool event_decode(struct event_record *out, const void *bytes, size_t len);

#endif
