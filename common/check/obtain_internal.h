/* What the files of obtain share. Internal to obtain. */
#ifndef CHECK_OBTAIN_INTERNAL_H
#define CHECK_OBTAIN_INTERNAL_H

#include "obtain.h"

#define OBTAIN_RETRY_MS 50 /* until the bounds are asked again */
#define OBTAIN_RETRY_PROBE_MAX_MS 400
#define OBTAIN_RETRY_MAX_MS 1000 /* thousands may wait for one policy host: the longer, the less often they ask */
#define SOCKETS_KEY 1            /* all connections count under one key */

/* The bounds are in the way now. OBTAIN_LATER, or OBTAIN_REFUSED when the attempt has waited for them for as long as
 * the want itself might take. */
enum obtained obtain_put_off(const struct means *means, struct attempt *attempt);
/* An operation is under way, and wakes the inquiry up when it ends. */
enum obtained obtain_wait(struct attempt *attempt);

/* One connection more, of all that are under way. Those that nobody waits for leave half of them to others. */
bool sockets_take(const struct means *means);
void sockets_give(const struct bounds *bounds);

enum obtained obtain_policy(const struct means *means, struct attempt *attempt, struct found *found);
void fetching_end(struct fetching **fetching, const struct bounds *bounds);

enum obtained obtain_tlsa(struct attempt *attempt, struct found *found);
enum obtained obtain_evidence(const struct means *means, struct attempt *attempt, struct found *found);
bool probing_is_between(const struct probing *probing);
void probing_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config);

#endif
