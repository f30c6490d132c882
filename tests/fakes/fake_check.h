/* A check and a store that answer by name, without network: the first label of a domain is `KIND` or `KIND-DELAY`,
 * where KIND is none, pass, testing, enforce or defer and DELAY how many milliseconds finding out takes, every time.
 * For milter and server tests. */
#ifndef FAKES_FAKE_CHECK_H
#define FAKES_FAKE_CHECK_H

#include "check.h"

/* A config with the given -o overrides over the defaults. Aborts when they are wrong. */
struct config *fake_config(char *const *overrides, size_t count);
unsigned fake_check_started(void);   /* by check_start() */
unsigned fake_check_abandoned(void); /* while they were open */
unsigned fake_check_refreshed(void);
/* Events of kind map-reply-refused. */
unsigned fake_check_refused(void);
/* Events of kind next-hop-unreadable. */
unsigned fake_check_unreadable(void);
void fake_check_refuse(bool refuse); /* check_start() and check_refresh() find no room */
void fake_store_break(bool broken);
void fake_store_due(const char *domain); /* NULL: nothing is due */

#endif
