/* The steps of one case as they are taken, and the facts as they stand: told at once to a person, or kept for JSON. The
 * observer is called by the event loops of check; all else by the main thread. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "lock.h"
#include "output.h"
#include "verdict.h"

struct story {
	struct lock lock;
	struct signal_cond changed;
	bool json;
	bool open;          /* steps are taken in */
	bool ended;         /* the facts are enough to judge by */
	struct facts facts; /* once the story is closed, the main thread's alone */
	json_t *steps;
};

void story_init(struct story *story, bool json);
void story_free(struct story *story);
/* Begins with a new question, and forgets the one before. `rules` outlive the story. */
void story_open(struct story *story, const struct question *question, const struct rules *rules);
/* For check_options.observe; `arg` is the story. */
void story_observe(void *arg, const struct want *want, const struct facts *facts);
/* Waits until the case has been judged. False: `wait_ms` have passed. */
bool story_await(struct story *story, int wait_ms);
/* What is observed later is not taken in. */
void story_close(struct story *story);

#endif
