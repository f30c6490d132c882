/* Obtaining what a want names from the network: the one place that turns DNS, HTTPS and SMTP into found values. Nothing
 * here waits: obtain() begins operations on the loop, and is called again when one of them has ended. On one loop's
 * thread. */
#ifndef CHECK_OBTAIN_H
#define CHECK_OBTAIN_H

#include "check_limits.h"
#include "config.h"
#include "lookups.h"
#include "verdict.h"

#define NETWORK_FETCHES_MAX 64 /* fetches under way at the policy hosts of one network */
#define OBTAIN_AGAIN_MS 2500   /* until a hop is looked at once more, whose trouble may pass */

/* What was obtained for a want. `want.kind` says which member holds it. */
struct found {
	struct want want;
	int64_t at; /* when it was found, wall-clock seconds; set by the caller */
	struct record_found record;
	struct policy_found policy;
	/* That led to the fetch (spec S-78). A parked inquiry may have read a newer one since. */
	char record_id[RECORD_ID_MAX + 1];
	struct mx_found mx;
	enum dns_outcome dns; /* of the answer that the record or the MX set came from */
	uint64_t network;     /* of the policy host that was dialled; 0: none was */
	/* Also of a probe by TLSA records, which are looked up anew; checked_at is 0 otherwise. */
	struct tlsa_lookup tlsa;
	struct evidence evidence;
	bool front;   /* a front end waits for it: if the budget refuses the probe, that is remembered */
	bool untried; /* nothing was asked of the network: it serves this inquiry, and is not remembered */
	bool spared;  /* no probe was needed: what was seen for other hosts at its addresses will do */
	bool refused; /* our own limits let nothing through: the policy host is in back-off, or there was no room */
};
void found_free(struct found *found);
void facts_learn_found(struct facts *facts, const struct found *found);
/* The budget refused a probe that a front end waits for. */
bool found_is_refused_probe(const struct found *found);

/* What bounds the traffic of all wants together. */
struct bounds {
	struct limits *limits;
	unsigned sockets_max; /* connections under way, all together */
	bool background;      /* no front end waits for anything here */
};

/* Whom and what a want is obtained with. */
struct means {
	const struct config *config;
	const struct bounds *bounds;
	struct loop *loop;
	struct fetch_line *fetches;
	struct probe_line *probes;
	struct wake wake; /* called when an operation has ended: then obtain() is called again */
	bool asked;       /* somebody may wait for it */
	bool mx_is_next;  /* the inquiry that wants a policy goes on to its MX set */
};

struct fetching;
struct probing;

/* One want under way, from one call of obtain() to the next. A zeroed struct is one that has not begun. */
struct attempt {
	struct want want;
	struct lookups lookups;
	struct fetching *fetching; /* of a fetch under way, else NULL */
	struct probing *probing;   /* of a probe, else NULL */
	int64_t put_off_ms;        /* since when the bounds have been in the way; 0: they have not */
	unsigned put_offs;
	int again_ms; /* after OBTAIN_LATER: call again after so long; -1: when an operation has ended */
};

enum obtained {
	OBTAINED,
	OBTAIN_LATER,
	OBTAIN_REFUSED /* the bounds let nothing through for as long as the want itself might take; `found` says so */
};
/* Begins the attempt, or goes on with it. Fills `found`, except after OBTAIN_LATER. */
enum obtained obtain(const struct means *means, struct attempt *attempt, const struct want *want, struct found *found);
/* Whether the attempt is between two looks at one hop, whose first one must not be lost. */
bool attempt_is_between_probes(const struct attempt *attempt);
/* Cancels what is under way and frees everything. */
void attempt_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config);

#endif
