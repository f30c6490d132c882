/* Random worlds for the property test of verdict_next(): what the store, DNS, a policy host and hops answer in one
 * inquiry. All of it follows from one number, so that a failure can be repeated. */
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
	struct hop_record record;         /* in the store */
	struct tlsa_lookup look;          /* the result of a TLSA lookup */
	struct tlsa_lookup look_of_probe; /* the result of the lookup that a probe by TLSA records makes */
	enum reason seen;                 /* the result of a probe; PROBE_BUDGET: it is refused */
	struct evidence seen_by_dane;     /* the result of a probe by TLSA records */
	struct evidence place;            /* the networks and names that a probe finds */
};

struct random_world {
	uint64_t random;
	struct question question;
	struct rules rules;
	bool forced;
	bool dane;    /* facts.dane */
	bool hostile; /* WORLD_NAMES_HOSTILE hosts, each of which gives a different answer each time */
	unsigned names;
	unsigned good, usable,
		tlsa_trouble;        /* per cent: good probes; usable TLSA sets; failures among the other sets */
	bool store_broken;           /* the store cannot be read from the start */
	bool evidence_broken;        /* hop records cannot be read */
	enum override_kind override; /* read with the entry; not random, see run_make_under() */
	bool has_entry;
	struct entry entry;
	struct record_found record;
	struct policy_found policy;
	struct mx_found mx;
	struct world_host host[WORLD_HOSTS + 1]; /* h0.example.com, ..., the domain itself, OWN_HOST */
};

void random_world_make(struct random_world *world, uint64_t seed, bool hostile);
void random_world_free(struct random_world *world);
/* Answers a want. A remote want moves the clock of the facts on by some seconds. */
void random_world_obtain(struct random_world *world, struct facts *facts, const struct want *want);

#endif
