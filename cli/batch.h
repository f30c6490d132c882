/* Judges each domain of a long list: several inquiries at a time, and at most a number of starts per second. Judges as
 * without overrides, because they end. If the probe
 * budget refuses a probe for a domain, the domain is tried again in a later round. The rounds end when no domain remains,
 * or when they make no progress for three minutes.
 *
 * Usage: batch_init(), then session_open() with batch_observe and the batch, then batch_run(), then batch_free(). */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "lock.h"
#include "progress.h"
#include "session.h"

#define BATCH_THREADS_MAX 40
#define BATCH_RATE_MAX 1000

struct batch_result {
	const struct outcome *outcome;
	bool again;      /* this is not the first result for this domain */
	bool incomplete; /* not all hops were probed, or the inquiry did not end in time: the domain is tried again */
};

/* What the command does. */
struct batch_caller {
	/* Makes the next question; returns false at the end of the list. Called in the first round only, with
	 * batch->input held. May wait for input: that delays no inquiry. */
	bool (*next)(void *arg, struct question *question);
	/* Called when the inquiry has ended, without a lock, for work that waits for the store. May be NULL. */
	void (*settle)(void *arg, const struct question *question, const struct outcome *outcome);
	/* Takes a result. Called with batch->lock held. May print to stderr after progress_clear(). */
	void (*take)(void *arg, const struct question *question, const struct batch_result *result);
	void *arg;
	enum purpose purpose; /* of questions in later rounds */
	unsigned threads;     /* inquiries at a time */
	int rate;             /* inquiries that start per second */
};

struct batch {
	struct batch_caller caller;
	const struct session *session;
	int64_t step_ms; /* between the starts of two inquiries */

	struct lock input;  /* guards the list and the rate; take it before `lock` */
	int64_t next_ms;    /* when the next inquiry may start */
	struct names round; /* the next hops to try in this round; empty in the first round */
	const char *hop;    /* the next name in `round`; NULL: none */
	bool again;         /* this is not the first round */

	struct lock lock;         /* guards the results and the progress */
	struct signal_cond pause; /* never signalled: for waits until a time, with `lock` */
	struct batch_job {
		struct batch *batch;
		bool busy;
		bool refused; /* the probe budget has refused a probe */
		struct question question;
	} job[BATCH_THREADS_MAX];
	struct names left; /* next hops for the next round; after batch_run(): those that were given up */
	struct progress progress;
};

#define BATCH_HOP_SIZE (DOMAIN_SIZE + sizeof "[]:65535")
/* Writes what a question asks about as a next hop: a domain, or `[host]:port`. Returns `hop`. */
const char *batch_hop(const struct question *question, char hop[BATCH_HOP_SIZE]);

void batch_init(struct batch *batch, const struct batch_caller *caller);
void batch_free(struct batch *batch);
/* Called after each step of each inquiry, on an event loop. `arg` is the batch. */
void batch_observe(void *arg, enum check_moment moment, const struct want *want, const struct facts *facts);
/* Judges the whole list. The session must be open. */
void batch_run(struct batch *batch, const struct session *session);
/* Reads the argument of --rate; `text` NULL gives `preset`. Returns 0 after a message on stderr when it is invalid. */
int batch_rate(const char *text, int preset);

#endif
