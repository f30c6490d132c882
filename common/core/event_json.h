/* An event as JSON, for event_command and `stsgate events --json`, which print the same. Pure; any thread. */
#ifndef CORE_EVENT_JSON_H
#define CORE_EVENT_JSON_H

#include "event_record.h"
#include "text.h"

#define EVENT_JSON_SIZE 4096
/* Appends the event as one object on one line of ASCII, without a newline. A buffer of EVENT_JSON_SIZE octets has room for
 * any event. Unknown values are null. */
void event_json(struct text *out, const struct event_record *event);

/* What the program of event_command reads besides the event. */
struct event_telling {
	const char *news;    /* `new`, `worse` or `over` */
	uint32_t left_out;   /* how many events were left out since the program was last run */
	const char *relay;   /* the name of this machine */
	const char *version; /* of stsgate */
};
#define EVENT_JSON_TOLD_SIZE 5120
/* The same with these members at its end. A buffer of EVENT_JSON_TOLD_SIZE octets has room for any event. */
void event_json_told(struct text *out, const struct event_record *event, const struct event_telling *telling);

#endif
