/* Events: what an operator should know about a domain or this machine, beyond single messages.
 *
 * event.def lists the kinds. An event_record is what the store keeps of one kind and domain: events of the same kind
 * and domain are merged into one, with a count. Times are wall-clock seconds. Pure; any thread. */
#ifndef CORE_EVENT_RECORD_H
#define CORE_EVENT_RECORD_H

#include "domain.h"
#include "entry.h"

#define EVENT_DETAIL_SIZE 512
#define EVENT_NUMBER_MAX 63 /* the highest number of a kind in the store */

enum event_kind {
#define EVENT(symbol, number, name, severity, sentence, advice) EVENT_##symbol,
#include "event.def"
#undef EVENT
	EVENT_KIND_COUNT
};
enum event_severity { EVENT_INFO, EVENT_NOTICE, EVENT_WARNING, EVENT_ERROR };

struct event_record {
	enum event_kind kind;
	char domain[DOMAIN_SIZE];       /* "": about this machine or the store as a whole */
	char detail[EVENT_DETAIL_SIZE]; /* of the newest event: printable ASCII; untrusted parts are already quoted */
	int64_t first_at, last_at;
	uint32_t count; /* stops at its maximum */
	/* The number by which an operator asks for the event. The store gives it when it first writes the event, and never
	 * gives it again; 0: none yet. */
	uint32_t number;
	enum event_severity severity; /* the worst of the merged events */
	/* The mail host that the newest event is about; "" and 0: none. */
	char host[DOMAIN_SIZE];
	uint16_t port;
	int64_t over_at;  /* when a sign of an attack was over; 0: it is not over, or no sign */
	uint32_t part_of; /* the number of the event of which this one is a part; 0: none */
	/* The number of the kind of that event, which has no domain; 0: none. Not stored: the store finds part_of by it when
	 * it writes this event. */
	uint8_t part_of_kind;
};

/* Return the columns of event.def. The strings are static. */
const char *event_name(enum event_kind kind);
uint8_t event_number(enum event_kind kind);               /* the kind's number in the store */
enum event_severity event_severity(enum event_kind kind); /* the usual one; a single event may differ */
const char *event_sentence(enum event_kind kind);
const char *event_advice(enum event_kind kind);
/* Returns whether the kind is a sign of an attack, which may be over one day and has a story (story.h). */
bool event_is_sign(enum event_kind kind);
/* Returns whether the event is a sign that is stored and not over. */
bool event_is_open_sign(const struct event_record *event);
/* Returns `info`, `notice`, `warning` or `error`. */
const char *event_severity_name(enum event_severity severity);

/* Fills a record with one event that happens now. Cuts a detail that is too long, and replaces each octet of it that is
 * not printable ASCII by `?`. */
void event_record_init(
	struct event_record *event, enum event_kind kind, const char *domain, const char *detail, int64_t now);
/* Merges a later record of the same kind and domain into `event`. */
void event_merge(struct event_record *event, const struct event_record *later);

/* Encode an event for the store, and decode it: see entry_encode(). event_decode() also returns false for a kind that
 * only a later version knows. */
struct bytes event_encode(const struct event_record *event);
bool event_decode(struct event_record *out, const void *bytes, size_t len);

#endif
