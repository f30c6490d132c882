/* The world of the storm (test_check_storm): a few domains whose hops, policies and settings change from round to
 * round, and the answers that are right for them. Callers may judge on any thread; all other functions belong to the
 * thread that leads the rounds. */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

#include "product.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HOP, POLICY, MODE, FORGET, EXEMPT, NOTHING, TWO, DOMAINS };
struct place {
	const char *domain, *mx, *worse_mx; /* the worse one may be NULL */
	bool republished;
};
extern const struct place place[DOMAINS];

enum { HOP_MX, HOP_B, HOPS };
enum { SET_ALONE, SET_BESIDE_MAP, SET_EXEMPT, SETS };
extern const char *const set_text[SETS];

struct world_state {
	enum reason conduct[HOPS];
	unsigned version[DOMAINS];
	unsigned set;
};

struct storm {
	struct product product;
	struct config *config[SETS];
	int to_forgetter, from_forgetter;
	pid_t forgetter;
	unsigned seed;

	/* About one round; set while nobody asks. */
	struct world_state now, next;
	unsigned remembered[HOPS]; /* conduct from earlier rounds that the store may hold, as bits */
	unsigned lowest[DOMAINS];  /* at least this version of the policy is known; 0: perhaps none */
	int64_t advanced_s;        /* changed since the round before */
	pthread_barrier_t begin, end;
	atomic_bool over, finished;
	atomic_uint changed;       /* the change has begun */
	atomic_uint told[DOMAINS]; /* the newest version that anybody was given */

	atomic_uint calls, begun, heard, abandoned, refused, wrong;
	atomic_uint kinds[VERDICT_DEFER + 1]; /* final ones */
	struct lock lock;
	char first_wrong[1000] GUARDED_BY(lock);
};

struct call {
	struct storm *storm;
	int at;
	enum purpose purpose;
	bool changed;    /* before it ended */
	bool at_once;    /* answered from the store alone: no wait can time out */
	bool may_be_new; /* the answer may come before the store is read */
	unsigned lowest; /* the version that was known when it began */
};

void storm_build(struct storm *storm); /* sets the first state of the world */
unsigned storm_random(struct storm *storm, unsigned below);
void storm_plan(struct storm *storm);   /* chooses what the round will change; before the round */
void storm_change(struct storm *storm); /* changes it; in the middle of the round */
void storm_close(struct storm *storm);  /* when nothing is under way any more; moves the clock on */

/* Counts the outcome, keeps it if it is wrong, and frees it. */
void storm_judge(struct call *call, struct outcome *outcome);

#endif
