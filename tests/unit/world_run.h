/* A case in a random world, from the question to the verdict, and what must hold of it. */
#ifndef TESTS_WORLD_RUN_H
#define TESTS_WORLD_RUN_H

#include "cm.h"
#include "oracle.h"
#include "random_world.h"

#define STEPS_MAX 63 /* before the verdict */

struct run {
	uint64_t seed;
	struct random_world world;
	struct facts facts;
	struct step steps[STEPS_MAX + 1];
	bool live[STEPS_MAX + 1];    /* a live enforce policy was in the facts at that step */
	bool testing[STEPS_MAX + 1]; /* a live testing policy */
	bool dane[STEPS_MAX + 1];    /* DANE governed */
	int count;
	int remote;
};

/* All that was seen, on stderr. */
void run_say(const struct run *run, const char *what);

#define HOLDS(run, condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			run_say((run), #condition);                                                                    \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

/* Up to the verdict: it comes within STEPS_MAX wants, and nothing is wanted twice. */
void run_make(struct run *run, uint64_t seed, bool hostile);
void run_free(struct run *run);
const struct verdict *run_verdict(const struct run *run);

/* Of the purpose map: rules 2, 7 and 10. */
void check_map(const struct run *run);

#endif
