/* The recorder: keeps the daemon's snapshot in the store (core/snapshot.h), so that the tool can show what the daemon
 * counts and which settings it uses, whether or not it serves metrics, and also after it has ended.
 *
 * recorder_settings() and recorder_free() are for the main thread, recorder_round() for the refresher's. All of them wait
 * for the store. A snapshot that the store does not accept is no reason to stop: a later one replaces it. */
#ifndef MILTER_RECORDER_H
#define MILTER_RECORDER_H

#include "gauges.h"
#include "settings.h"

#define RECORDER_MS 5000        /* the shortest time between two writes of the counts */
#define RECORDER_SAME_MS 300000 /* counts that have not changed are written only after this time */
#define RECORDER_AGAIN_MS 60000 /* the time until the next attempt if the store has not accepted the counts */

struct recorder;
/* `gauges` and the store must outlive the recorder. Continues the counts of this hour that a process before this one has
 * left. */
struct recorder *recorder_new(struct store *store, struct gauges *gauges);
/* Writes which settings are in force from now on: those of `current`, except those that need a restart, which are as in
 * `started`. `file` is the settings file. */
void recorder_settings(
	struct recorder *recorder, const struct settings *started, const struct settings *current, const char *file);
/* Writes the counts if that is due. `recorder` is a struct recorder. */
void recorder_round(void *recorder);
/* Writes the last counts. If recorder_settings() has been called, writes that the daemon has stopped. Frees the recorder
 * and sets the pointer to NULL; does nothing if it is NULL. */
void recorder_free(struct recorder **recorder);

#endif
