/* Hints (check/hints.h): asks the shared store what other relays know before this relay asks strangers, and writes there what this
 * relay has found itself.
 *
 * Works on fleet's loop, and holds no thread while it waits: neither the shared store nor another relay's fetch. What is to be
 * trusted goes into the store of this relay by store_submit(). Internal to fleet. */
#ifndef FLEET_FLEET_HINTS_H
#define FLEET_FLEET_HINTS_H

#include "fleet_parts.h"
#include "hints.h"

#define HINTS_LEASE_MS 30000   /* a relay that has the turn to fetch loses it after this time */
#define HINTS_TELLING_MAX 4096 /* news that wait for the loop; further ones are dropped */

struct fleet_hints;
/* Makes the source of hints and gives it to the check. `base` must outlive it; its loop need not run yet. */
struct fleet_hints *fleet_hints_new(const struct fleet_base *base);
/* Ends all waits for other relays' fetches. Later questions have no answer. Call it before loop_stop(). What still waits for the
 * link ends with link_free(). Any thread. */
void fleet_hints_stop(struct fleet_hints *hints);
/* Call it after the check was freed. */
void fleet_hints_free(struct fleet_hints **hints);

#endif
