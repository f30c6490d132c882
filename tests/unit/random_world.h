/* Random worlds for the property test of verdict_next(): what the store, DNS, a policy host and next hops would answer
 * in one case. All drawn from one number, so that a failure can be run again. */
#ifndef TESTS_RANDOM_WORLD_H
#define TESTS_RANDOM_WORLD_H

#include "verdict.h"

#define WORLD_HOSTS 12
#define WORLD_NAMES_HOSTILE 64
#define OWN_HOST "relay.example.net"
#define WORLD_NOW INT64_C(1900000000)

struct world_host {
	char name[DOMAIN_SIZE];
	bool stored;
	struct hop_record record;       /* in the store */
	struct tlsa_look look;          /* what DNS says of its TLSA records */
	struct tlsa_look look_of_probe; /* the same, when a probe by them looks */
	enum reason seen;               /* by a probe; PROBE_BUDGET: it is refused */
	struct evidence seen_by_dane;   /* by a probe that goes by TLSA records */
};

struct random_world {
	uint64_t random;
	struct question question;
	struct rules rules;
	bool forced;
	bool dane;    /* facts.dane */
	bool hostile; /* a host says something else each time it is asked, and there are WORLD_NAMES_HOSTILE of them */
	unsigned names;
	unsigned good, usable, tlsa_trouble; /* in a hundred: probes, TLSA sets; of the other sets */
	bool store_broken;                   /* from the start */
	bool evidence_broken;                /* evidence cannot be read */
	bool has_entry;
	struct entry entry;
	struct record_found record;
	struct policy_found policy;
	struct mx_found mx;
	struct world_host host[WORLD_HOSTS + 1]; /* h0.example.com, ..., the domain itself, OWN_HOST */
};

void random_world_make(struct random_world *world, uint64_t seed, bool hostile);
void random_world_free(struct random_world *world);
/* Gives the facts what a step wants; a remote want takes a few seconds. */
void random_world_obtain(struct random_world *world, struct facts *facts, const struct want *want);

#endif
