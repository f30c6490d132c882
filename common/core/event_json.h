/* An event as JSON, for event_command and `stsgate events --json`, which print the same. Pure; any thread. */
#ifndef CORE_EVENT_JSON_H
#define CORE_EVENT_JSON_H

#include "event_record.h"
#include "text.h"

#define EVENT_JSON_SIZE 4096
/* Appends the event as one object on one line of ASCII, without a newline. A buffer of EVENT_JSON_SIZE octets has room for
 * any event. Unknown values are null. */
void event_json(struct text *out, const struct event_record *event);

#endif
