/* The thread that sends TLS reports: it makes a pass each minute (check/tlsrpt_sender). Runs in the daemon with
 * tlsrpt = collect; without report_from and report_organization its passes do nothing. */
#ifndef MILTER_TLSRPT_REPORTER_H
#define MILTER_TLSRPT_REPORTER_H

#include "check.h"
#include "failure.h"
#include "store.h"

#define REPORTER_TICK_MS 60000

struct reporter;
/* Check, store and loop must outlive it. Returns NULL on failure (EX_OSERR). */
struct reporter *reporter_start(struct check *check, struct store *store, struct loop *loop, struct failure *why);
/* Ends the thread, within about a second, and sets the pointer to NULL. Reports that were on their way are tried again later. */
void reporter_stop(struct reporter **reporter);

#endif
