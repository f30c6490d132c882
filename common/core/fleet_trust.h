/* The rule of trust: what the hint of another relay of the site may change in what this relay knows (setting fleet_server).
 *
 * A hint may add or strengthen, never weaken. It can create an entry or replace a policy that has expired. A live enforce policy
 * yields only to a fetch of our own; a live testing or none policy may become enforce. A policy that enforces nothing is taken
 * only if our own lookup of the record shows its id. Otherwise an attacker could bring back an older hint and keep an enforce
 * policy from being found. The age of a policy counts from the writer's fetch, and this relay fetches each such policy itself
 * within the hour. Only the record and the policy are taken, not the MX set.
 *
 * Good evidence about a mail host counts for half of its life, where this relay has none. Bad evidence never holds mail.
 *
 * Times are wall-clock seconds. Pure; any thread. */
#ifndef CORE_FLEET_TRUST_H
#define CORE_FLEET_TRUST_H

#include "entry.h"
#include "evidence.h"

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

/* What one node has seen of a mail host: the newest conclusive evidence of its own probes. */
struct fleet_seen {
	char node[NODE_NAME_SIZE];
	struct evidence seen;
};
#define FLEET_LATELY_S 21600 /* what nodes have seen of a mail host corroborates for so long */
/* Changes the hop record by what other nodes have seen; evidence of `self` does not count. Notes how many of them have seen the hop
 * bad lately. The newest good evidence is taken over if this relay has no evidence within `hard_s`, the hard age, and no other node has
 * seen the hop bad later. Bad evidence is never taken over: it only corroborates. Returns whether the record has changed. */
bool fleet_trust_hop(struct hop_record *into, const struct fleet_seen *seen, size_t count, const char *self,
	int64_t hard_s, int64_t now);

#endif
