/* One inquiry in a random world, from the question to the verdict, with all its steps. */
#ifndef TESTS_WORLD_RUN_H
#define TESTS_WORLD_RUN_H

#include "cm.h"
#include "oracle.h"
#include "random_world.h"

#define STEPS_MAX 63 /* wants before the verdict */

struct run {
	uint64_t seed;
	struct random_world world;
	struct facts facts;
	struct step steps[STEPS_MAX + 1];
	bool live[STEPS_MAX + 1];    /* at this step an enforce policy was in force */
	bool testing[STEPS_MAX + 1]; /* at this step a testing policy was in force */
	bool dane[STEPS_MAX + 1];    /* at this step DANE governed */
	int count;                   /* of steps */
	int remote;                  /* remote wants among them */
};

/* Prints the world, its steps and its facts on stderr. */
void run_say(const struct run *run, const char *what);

#define HOLDS(run, condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			run_say((run), #condition);                                                                    \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

/* Runs the inquiry to its verdict. Fails if there are more than STEPS_MAX wants, or two equal ones. */
void run_make(struct run *run, uint64_t seed, bool hostile);
/* The same under an override. If `strict`, the world's testing policies have mode enforce. */
void run_make_under(struct run *run, uint64_t seed, enum override_kind override, bool strict);
/* The same with default_level = verify. */
void run_make_level(struct run *run, uint64_t seed, bool hostile);
/* The same with a message that demands REQUIRETLS. */
void run_make_requiretls(struct run *run, uint64_t seed, bool hostile);
void run_free(struct run *run);
const struct verdict *run_verdict(const struct run *run);

/* Checks a run with PURPOSE_MAP: rules 2, 7 and 10. */
void check_map(const struct run *run);
/* Checks a run with PURPOSE_MAP and default_level = verify beside the same world without it (design 4.19). */
void check_level(const struct run *run, const struct run *plain);
/* Checks a run whose message demands REQUIRETLS beside the same world without the demand (RFC 8689 4.2.1). */
void check_requiretls(const struct run *run, const struct run *plain);

#endif
