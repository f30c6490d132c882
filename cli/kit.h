/* What a subcommand works with: settings, the store, and for checks a config and a check with event loops of its own.
 */
#ifndef CLI_KIT_H
#define CLI_KIT_H

#include "check.h"
#include "commands.h"

#define KIT_LOOPS 2
#define KIT_SLOTS 4 /* inquiries at a time */
#define KIT_INQUIRIES_MAX 1024

/* NULL on failure; then it was said on stderr and `status` is the exit status. The caller frees. */
struct settings *kit_settings(const struct options *options, int *status);
/* The daemon's store. NULL on failure, as above. */
struct store *kit_store(const struct settings *settings, int *status);

struct kit {
	struct loops *loops;
	struct config *config;
	struct store *store;
	struct check *check;
	int64_t changed_at; /* the store, before this process opened it */
};
enum kit_need {
	KIT_STORE,    /* the daemon's store, or nothing */
	KIT_PATIENT,  /* the same, and nobody waits for the probes: they leave others their part of the budget */
	KIT_ANY_STORE /* a temporary one will do, and a note says so */
};
typedef void kit_observe(void *arg, const struct want *want, const struct facts *facts);
/* 0, or the exit status after it was said on stderr; then there is nothing to close. */
int kit_open(struct kit *kit, const struct options *options, enum kit_need need, kit_observe *observe, void *arg);
void kit_close(struct kit *kit);

/* How long one case may take at most: every lookup, the fetch and the probe of every hop at its time-out. */
int kit_case_ms(const struct settings *settings);

#endif
