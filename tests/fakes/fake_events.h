/* Records the events that the product raises, for tests. Any thread. */
#ifndef FAKES_FAKE_EVENTS_H
#define FAKES_FAKE_EVENTS_H

#define FAKE_EVENTS_SIZE 8192

void fake_events_forget(void);
/* Words ` KIND` or ` KIND:DOMAIN`, each with a blank before it, in the order in which they were raised. */
void fake_events_copy(char out[FAKE_EVENTS_SIZE]);

#endif
