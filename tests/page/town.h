/* The domains of a store for the tests of the status page: a town of policy domains whose mail goes to a few large providers
 * or to hosts of their own. Everything is written by the product's own functions. Facts are so new that the daemon renews
 * nothing by itself. */
#ifndef PAGE_TOWN_H
#define PAGE_TOWN_H

#include "store.h"

#define TOWN_NAME_SIZE 64

/* An entry with a policy, and the hosts of its MX set, which the policy allows. A host in double quotes is a name that is no
 * host name. Without hosts the domain has no record. */
struct household {
	const char *domain;
	const char *host[3]; /* NULL: no more */
	enum policy_mode mode;
	int64_t fetched_ago_s;
	uint32_t max_age_s;
	uint32_t failures; /* of the fetch since */
	const char *fetch_detail;
	int64_t due_ago_s; /* negative: due later */
	const char *line;  /* a further line of the policy, or NULL */
};
bool town_settle(struct store *store, const struct household *household, struct failure *why);

/* A mail host, with one good probe, and perhaps a bad one after it. Texts are what the host itself has sent. */
struct post_office {
	const char *host;
	const char *address;
	uint32_t asn;
	const char *country;
	enum reason reason; /* REASON_OK: good */
	int64_t ago_s;      /* the newest probe */
	const char *names, *issuers, *text;
};
bool town_open(struct store *store, const struct post_office *office, struct failure *why);

/* Writes `count` domains, of which the usual share has a policy, and their mail hosts. */
bool town_found(struct store *store, unsigned count, struct failure *why);

/* Verdicts of one reason that front ends gave in each step of five minutes, for some time. */
struct town_trouble {
	enum reason reason;
	enum verdict_kind kind;
	int64_t from_ago_s, to_ago_s;
	unsigned each;
};
/* Writes what was counted in the last 24 hours, for the plots: `noon` deliveries in a step at noon, fewer at night, and some
 * troubles. */
bool town_day(
	struct store *store, unsigned noon, const struct town_trouble *troubles, size_t count, struct failure *why);

/* Writes the database of networks in which the mail hosts lie. Does nothing if built without libloc. */
void town_map(const char *path);

#endif
