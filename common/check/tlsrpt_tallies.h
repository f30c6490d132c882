/* Counts TLS sessions for reports: in memory first, and within five seconds in the store (store_add_tallies()).
 *
 * tallies_note() never waits for the disk, so it may be called where datagrams are received and by event loops. What was counted
 * stays in memory as long as the store cannot be written. Memory is bounded: a session that finds no room is not counted, and the
 * metric stsgate_tlsrpt_sessions_lost_total says so. kill -9 loses what was counted since the last writing.
 *
 * tallies_note() and tallies_write() may be called on any thread. */
#ifndef CHECK_TLSRPT_TALLIES_H
#define CHECK_TLSRPT_TALLIES_H

#include "store.h"

#define TALLIES_WRITE_MS 5000                 /* what was counted is written so often */
#define TALLIES_DOMAINS_MAX 4096              /* in memory: domains of one day */
#define TALLIES_BYTES_MAX (8UL * 1024 * 1024) /* in memory: octets of all tallies, about */

/* The values of the labels of METRIC_TLSRPT_SESSIONS and METRIC_TLSRPT_LOST. */
enum tallies_result { TALLIES_GOOD, TALLIES_FAILED };
enum tallies_cause { TALLIES_MEMORY, TALLIES_STORE };

struct tallies;
/* Starts the thread that writes, and that removes old days from the store. The store must outlive it. Returns NULL if the thread
 * cannot be started (EX_OSERR). */
struct tallies *tallies_start(struct store *store, struct failure *why);
/* Counts a session for the current UTC day. */
void tallies_note(struct tallies *tallies, const struct tlsrpt_session *session);
/* Writes what was counted before the call, and waits for the disk. Returns false if the store has refused it (`why` may be
 * NULL); it then stays in memory. */
bool tallies_write(struct tallies *tallies, struct failure *why);
/* Writes everything and ends the thread. Sessions that are noted later are lost. Sets the pointer to NULL; nobody may use the
 * tallies any more. */
void tallies_stop(struct tallies **tallies);

#endif
