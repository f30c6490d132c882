/* Obtains from the network the fact that a want names. Only this module turns DNS, HTTPS and SMTP into facts. Nothing
 * here waits. obtain() starts operations on the event loop and returns OBTAIN_LATER; it is called again when one of
 * them has ended, until it returns a result. All on one loop's thread. */
#ifndef CHECK_OBTAIN_H
#define CHECK_OBTAIN_H

#include "check_limits.h"
#include "config.h"
#include "look.h"
#include "lookups.h"
#include "revocations.h"
#include "verdict.h"

#define NETWORK_FETCHES_MAX 64 /* fetches at a time from the policy hosts of one network */
#define OBTAIN_AGAIN_MS 2500   /* pause between the two probes of a hop, if the first failure may be temporary */

/* The result for one want. `want.kind` says which members are set. */
struct found {
	struct want want;
	int64_t at; /* when it was found, wall-clock seconds; set by the caller */
	struct record_found record;
	struct policy_found policy;
	/* The id of the record that led to the fetch (spec S-78). A parked inquiry may have read a newer record since. */
	char record_id[RECORD_ID_MAX + 1];
	struct mx_found mx;
	enum dns_outcome dns;    /* how the lookup of the record or of the MX set ended */
	uint64_t network;        /* the network of the policy host that was contacted; 0: none */
	struct tlsa_lookup tlsa; /* for WANT_TLSA, and for a probe by TLSA records; else checked_at is 0 */
	/* Of a probe by TLSA records, if means.sessions: the records in presentation form; owned. */
	struct names tlsa_records;
	struct evidence evidence;
	struct addresses addresses; /* of the hop, by DNS; those that were dialled are among them */
	/* What was seen at the hop's other address, which did not decide; address "": only one was dialled. */
	struct evidence beside;
	struct look *look; /* what the probe saw that decided the evidence; owned; NULL: nothing was dialled */
	bool front;        /* a front end waits; a refused probe is then remembered. Set by the caller */
	bool untried;      /* skipped, no room for a probe, or no resolver answers: used by this flight, not stored */
	bool spared;       /* no probe was needed: sightings at the hop's addresses sufficed */
	bool refused;      /* our own limits refused the operation: back-off from the policy host, or no room */
};
void found_free(struct found *found);
/* Adds the result to the facts. */
void facts_learn_found(struct facts *facts, const struct found *found);
/* Returns whether the budget refused a probe that a front end waits for. */
bool found_is_refused_probe(const struct found *found);

/* The limits on all wants together. */
struct bounds {
	struct limits *limits;
	unsigned sockets_max; /* connections at a time */
	bool background;      /* no front end waits for anything in this process */
};

/* Called when a probe of a hop has ended, for each known address of the hop: with what a probe saw there, or with NULL if
 * the address was not probed. A second probe of the hop reports again. On a loop, without a lock held. */
typedef void obtain_dialled(void *arg, const struct want *want, const char *address, const struct evidence *seen);

/* What obtain() works with. */
struct means {
	const struct config *config;
	const struct bounds *bounds;
	struct loop *loop;
	struct fetch_line *fetches;
	struct probe_line *probes;
	struct revocations *revocations; /* NULL: revoked certificates are not recognized */
	struct wake wake;                /* called when an operation has ended: the caller then calls obtain() again */
	bool asked;                      /* somebody may wait for the result */
	bool sessions;                   /* TLS reports want to know which TLSA records judged a hop */
	bool mx_is_next;                 /* after the policy, the inquiry wants the domain's MX set */
	obtain_dialled *dialled;         /* may be NULL */
	void *dialled_arg;
};

struct fetching;
struct probing;

/* The work on one want, from the first call of obtain() to the last. Zeroed: not begun. */
struct attempt {
	struct want want;
	int64_t begun_us; /* clock_mono_us(); 0: not begun */
	bool timed;       /* how long the lookups took is counted */
	struct lookups lookups;
	struct fetching *fetching; /* a fetch under way, or NULL */
	struct probing *probing;   /* probes of a hop, or NULL */
	/* When the limits first left no room for this attempt, by the monotonic clock (0: never), and how often. */
	int64_t requeued_ms;
	unsigned requeues;
	int again_ms; /* after OBTAIN_LATER: call obtain() again after this time; -1: when an operation has ended */
};

enum obtained {
	OBTAINED,
	OBTAIN_LATER,
	OBTAIN_REFUSED /* refused by budget or back-off, or no room until the timeout; `found` has the reason */
};
/* Begins or continues the attempt to obtain `want`. Fills `found`, except after OBTAIN_LATER. The caller frees it with
 * found_free(). */
enum obtained obtain(const struct means *means, struct attempt *attempt, const struct want *want, struct found *found);
/* Returns true from the end of the first probe of a hop to the end of the second. An attempt in between must go on, or the
 * first result is lost. */
bool attempt_is_between_probes(const struct attempt *attempt);
/* Cancels the operations under way, frees everything, and leaves a zeroed attempt. */
void attempt_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config);

#endif
