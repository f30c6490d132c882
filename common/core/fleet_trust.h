/* The rule of trust: what the hint of another relay of the site may change in what this relay knows (setting fleet_server).
 *
 * A hint may add or strengthen, never weaken. It can create an entry or replace a policy that has expired. A live enforce policy
 * yields only to a fetch of our own; a live testing or none policy may become enforce. A policy that enforces nothing is taken
 * only if our own lookup of the record shows its id: otherwise whoever can bring back an older hint could keep an enforce policy
 * from being found. The age of a policy counts from the writer's fetch, and this relay fetches each such policy itself within the
 * hour. Only the record and the policy are taken, not the MX set.
 *
 * Times are wall-clock seconds. Pure; any thread. */
#ifndef CORE_FLEET_TRUST_H
#define CORE_FLEET_TRUST_H

#include "entry.h"

/* A policy that another relay has fetched is fetched by this relay after a time between these. The moment depends on the domain and
 * on this relay's name, so that neither all domains nor all relays have the same one. */
#define FLEET_REFETCH_MIN_S 900
#define FLEET_REFETCH_MAX_S 3600
/* A lookup of the record of our own, which confirms a policy that enforces nothing, is not older than this. */
#define FLEET_RECORD_S 300

enum fleet_trust {
	FLEET_TRUST_TAKEN,
	FLEET_TRUST_NO_POLICY,   /* the hint has no policy, or is about another domain */
	FLEET_TRUST_OVER,        /* the policy of the hint has expired, or is dated in the future */
	FLEET_TRUST_KNOWN,       /* this relay has fetched the policy later itself */
	FLEET_TRUST_HELD,        /* this relay's policy is live, and the hint would not strengthen it */
	FLEET_TRUST_UNCONFIRMED, /* it enforces nothing, and no lookup of our own shows its id */
	FLEET_TRUST_COUNT
};
/* Returns the name of a result for metrics, such as `unconfirmed`. */
const char *fleet_trust_name(enum fleet_trust trust);

/* Changes `into`, an entry of this relay, by the hint `from`, which the node `writer` has fetched itself. `self` is the name of this
 * relay's node. Leaves `due_at` to the caller. `into` is unchanged unless the result is FLEET_TRUST_TAKEN. */
enum fleet_trust fleet_trust_entry(
	struct entry *into, const struct entry *from, const char *writer, const char *self, int64_t now);

#endif
