/* The running daemon, as its snapshot in the store shows it, and how the settings that it uses differ from those of the
 * settings file. */
#ifndef CLI_RUNNING_H
#define CLI_RUNNING_H

#include "settings.h"
#include "store.h"

enum running_state {
	RUNNING_UNKNOWN, /* no snapshot: stsgated has not run with this store, or only a version before 0.2.0 */
	RUNNING_NOW,
	RUNNING_STARTING, /* the store has an owner, but the snapshot is of a process that has stopped */
	RUNNING_STOPPED,  /* stsgated has stopped in order */
	RUNNING_ENDED     /* stsgated was killed, or the machine went down */
};
struct running {
	enum running_state state;
	int64_t seen_at; /* when stsgated was last seen to run */
	struct snapshot_running self;
};
/* Reads the snapshot. The caller frees the result with free(). Returns NULL if the store cannot be read. */
struct running *running_read(struct store *store, const char *directory, struct failure *why);
/* Writes a sentence without a dot, such as `stsgated 0.2.0 (process 4711) has run since 2026-11-30T12:00:00Z`. */
#define RUNNING_TEXT_SIZE 256
void running_describe(const struct running *running, char out[RUNNING_TEXT_SIZE]);

/* How a setting of the file differs from the value that the daemon uses, and what would make the daemon use it. */
enum running_difference {
	RUNNING_SAME,
	RUNNING_RELOAD,
	RUNNING_RESTART,
	RUNNING_OPTION,   /* option -o of stsgated sets the value: the file has no influence */
	RUNNING_TOO_LONG, /* the snapshot has no room for the value: whether it differs is not known */
	RUNNING_OTHER     /* the daemon is of another version, which has no such setting */
};
/* Compares one setting. `value` is the value that the daemon uses and points into `running`. It is empty if that value is
 * not known. It is untrusted like a settings file: quote it. */
enum running_difference running_compare(const struct running *running, const struct settings *settings,
	const struct settings_row *row, struct span *value);
/* Returns how many settings differ. */
unsigned running_differences(const struct running *running, const struct settings *settings);
/* Returns a word for JSON and words for people: what to do so that the daemon uses the file's value. Both are "" for
 * RUNNING_SAME. */
const char *running_remedy(enum running_difference difference);
const char *running_advice(enum running_difference difference);

#endif
