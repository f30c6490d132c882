/* What the daemon leaves in the store about itself, so that the tool can show it: the process and the settings in force
 * (struct snapshot_running), and what was counted (struct snapshot_counts). Times are wall-clock seconds. Pure; any
 * thread.
 *
 * The structs are large: allocate them with xcalloc(). The bytes are frames of fields.h, which read hostile bytes. */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "entry.h"
#include "span.h"
#include "text.h"

#define SNAPSHOT_VERSION_SIZE 32
#define SNAPSHOT_FILE_SIZE 1024
#define SNAPSHOT_SETTINGS_SIZE 65536
#define SNAPSHOT_NAMES_SIZE 4096
#define SNAPSHOT_LINES_SIZE 16384
#define SNAPSHOT_HITS_SIZE 8192
#define SNAPSHOT_HOURS 48 /* how many hours the store keeps */
#define SNAPSHOT_HOUR_S 3600
#define SNAPSHOT_STEPS (7 * 288) /* how many steps the store keeps: seven days */
#define SNAPSHOT_STEP_S 300
#define SNAPSHOT_STEP_LINES_MAX                                                                                        \
	3840 /* octets of the lines of a step; longer ones would need a page of the store more */

/* The process. */
struct snapshot_running {
	char version[SNAPSHOT_VERSION_SIZE];
	uint32_t pid;
	int64_t started_at;
	int64_t settings_at; /* when the settings came into force: at the start, or at the last successful reload */
	int64_t stopped_at;  /* when the daemon stopped in order; 0: it runs, or was killed */
	char file[SNAPSHOT_FILE_SIZE]; /* the settings file */
	/* The settings in force, a line `name = value` for each. A value that has no room is left out; the line is then
	 * the name alone. */
	char settings[SNAPSHOT_SETTINGS_SIZE];
	char overridden[SNAPSHOT_NAMES_SIZE]; /* the names of settings that option -o has set, separated by blanks */
};

/* What was counted: since the daemon started, in one hour, or in one step of five minutes. */
struct snapshot_counts {
	int64_t at;                      /* of the newest count */
	char lines[SNAPSHOT_LINES_SIZE]; /* metrics_write_lines() */
	char hits[SNAPSHOT_HITS_SIZE];   /* snapshot_hit_add(); only since the start */
};

/* Encode for the store, and decode: see entry_encode(). A decoder always sets `out`. */
struct bytes snapshot_running_encode(const struct snapshot_running *running);
bool snapshot_running_decode(struct snapshot_running *out, const void *bytes, size_t len);
struct bytes snapshot_counts_encode(const struct snapshot_counts *counts);
bool snapshot_counts_decode(struct snapshot_counts *out, const void *bytes, size_t len);

/* Adds a setting to `settings`. `overridden`: option -o has set it. */
void snapshot_setting_add(struct snapshot_running *running, const char *name, const char *value, bool overridden);
enum snapshot_found {
	SNAPSHOT_VALUE,    /* `value` is the value; it may be empty */
	SNAPSHOT_TOO_LONG, /* the value had no room */
	SNAPSHOT_UNKNOWN   /* the daemon that wrote the snapshot has no such setting */
};
/* Finds the value of a setting. `value` points into `running`. */
enum snapshot_found snapshot_setting(const struct snapshot_running *running, const char *name, struct span *value);
/* Returns whether option -o has set a setting. */
bool snapshot_is_overridden(const struct snapshot_running *running, const char *name);

/* When a limit was last hit, and by whom. */
struct snapshot_hit {
	struct span limit; /* its name */
	int64_t at;
	struct span who; /* printable; quoted already */
};
/* Appends a hit. `who` is untrusted and is quoted here. */
void snapshot_hit_add(struct text *hits, const char *limit, int64_t at, const char *who);
/* Takes the next hit off the front of `hits`. Returns false at the end. Skips lines that are no hits. */
bool snapshot_hit_next(struct span *hits, struct snapshot_hit *out);

#endif
