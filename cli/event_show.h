/* `stsgate events show N`: one event with its story. */
#ifndef CLI_EVENT_SHOW_H
#define CLI_EVENT_SHOW_H

#include "store.h"

/* Prints the first lines of an event: when, what, to which domain and host, how often. */
void event_head_print(const struct event_record *event);
/* Prints what the kind of event means and what to do. */
void event_advice_print(const struct event_record *event);

/* Prints the event with this number and its story. Returns the exit status: STATUS_NO if the store has neither. */
int event_show(struct store *store, uint32_t number, bool json);

#endif
