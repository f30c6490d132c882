/* Sessions of TLS reports on their way to the sink. Each waits until the TLSRPT record of its domain has been looked up
 * (`_smtp._tls.DOMAIN`, RFC 8460 3). Sessions of a domain without a record go nowhere: nobody has asked for them.
 *
 * There is one outbox for each event loop; all functions are called on its thread. Everything is bounded: OUTBOX_LOOKUPS_MAX
 * lookups at a time, OUTBOX_WAITING_MAX sessions that wait, OUTBOX_KNOWN_MAX records in memory. A session that finds no room is
 * dropped and counted; of the records in memory, a new one replaces the one that has its place. */
#ifndef CHECK_TLSRPT_OUTBOX_H
#define CHECK_TLSRPT_OUTBOX_H

#include "config.h"
#include "tlsrpt_session.h"

#include <stdatomic.h>

#define OUTBOX_LOOKUPS_MAX 256
#define OUTBOX_WAITING_MAX 1024
#define OUTBOX_KNOWN_MAX 1024
/* A record, and its absence, is known for its TTL within these bounds; a failed lookup for the lower one. */
#define OUTBOX_KNOWN_MIN_S 60
#define OUTBOX_KNOWN_MAX_S 3600

/* Takes a session, which the caller frees afterwards. On any loop's thread; must not wait. */
typedef void tlsrpt_sink(void *arg, const struct tlsrpt_session *session);

/* Why a session was dropped: label values of stsgate_tlsrpt_own_dropped_total. */
enum tlsrpt_dropped {
	TLSRPT_DROPPED_QUEUE,  /* too many sessions wait, or too many lookups are under way */
	TLSRPT_DROPPED_LOOKUP, /* the lookup of the record failed */
	TLSRPT_DROPPED_TABLE,  /* nobody could remember that the session was counted, so it might be counted twice */
	TLSRPT_DROPPED_LOCAL,  /* the failure is probably one of this machine */
	TLSRPT_DROPPED_COUNT
};
void tlsrpt_dropped_count(enum tlsrpt_dropped cause);

struct outbox;
/* `waiting` counts the sessions that wait, of all outboxes together; must outlive the outbox. */
struct outbox *outbox_new(struct loop *loop, tlsrpt_sink *sink, void *arg, atomic_uint *waiting);
/* Cancels all lookups, and drops the sessions that wait for them. */
void outbox_free(struct outbox **outbox);
/* Takes the session over, and leaves it empty. The lookup uses `config`, of which the outbox takes a reference. */
void outbox_put(struct outbox *outbox, struct config *config, struct tlsrpt_session *session);

#endif
