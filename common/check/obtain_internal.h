/* What obtain.c and obtain_hop.c share. Internal to obtain. */
#ifndef CHECK_OBTAIN_INTERNAL_H
#define CHECK_OBTAIN_INTERNAL_H

#include "limit_hits.h"
#include "obtain.h"
#include "timing.h"

#define OBTAIN_RETRY_MS 50 /* first delay of an attempt for which the limits leave no room; it doubles each time */
#define OBTAIN_RETRY_PROBE_MAX_MS 400 /* longest delay, except for fetches */
#define OBTAIN_RETRY_MAX_MS 1000 /* longest delay for fetches; longer, because thousands may wait for one policy host */
#define SOCKETS_KEY 1            /* all connections count under one key */

/* Call it if the limit leaves no room (LIMIT_HITS: another cause, which is not counted). Returns OBTAIN_LATER with the delay in the attempt, or OBTAIN_REFUSED if the
 * attempt has waited for room for fetch_timeout (WANT_POLICY) or probe_timeout (other wants). */
enum obtained obtain_requeue(const struct means *means, struct attempt *attempt, enum limit_hit limit);
/* Call it if an operation is under way that will wake the inquiry. Returns OBTAIN_LATER. */
enum obtained obtain_wait(struct attempt *attempt);

/* Counts how long an operation took: since `begun_us` (clock_mono_us()). */
void obtain_time(enum timing timing, int64_t begun_us);

/* Takes one connection from the quota that all work shares. Returns false if none is left. Work for which nobody waits
 * may use only half of the quota. */
bool sockets_take(const struct means *means);
void sockets_give(const struct bounds *bounds);

/* Obtain WANT_TLSA and WANT_PROBE. */
enum obtained obtain_tlsa(struct attempt *attempt, struct found *found);
enum obtained obtain_evidence(const struct means *means, struct attempt *attempt, struct found *found);
/* Cancels the probes of an attempt and frees what belongs to them. */
void probing_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config);

#endif
