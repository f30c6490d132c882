/* A fake check and store without network, for tests of milter and server. The first label of a domain chooses the answer:
 * `KIND` or `KIND-DELAY`, where KIND is none, pass, testing, enforce or defer, and DELAY is the time in milliseconds that
 * every inquiry takes. */
#ifndef FAKES_FAKE_CHECK_H
#define FAKES_FAKE_CHECK_H

#include "check.h"

/* Makes a config from the defaults and the given -o overrides. Aborts if an override is invalid. */
struct config *fake_config(char *const *overrides, size_t count);
unsigned fake_check_started(void);   /* by check_start() */
unsigned fake_check_abandoned(void); /* while they were open */
unsigned fake_check_refreshed(void);
/* Events of kind map-reply-refused. */
unsigned fake_check_refused(void);
/* Events of kind next-hop-unreadable. */
unsigned fake_check_unreadable(void);
/* Whether check_ask_again() finds that nothing has changed; false at first. Every final answer about a
 * domain repeats. */
void fake_check_repeat(bool repeat);
unsigned fake_check_repeated(void);  /* by check_ask_again() */
void fake_check_refuse(bool refuse); /* makes check_start() and check_refresh() find no room */
void fake_store_break(bool broken);
void fake_override_all(bool set);        /* an override for all domains is in force */
void fake_store_due(const char *domain); /* NULL: nothing is due */

#endif
