/* The world that the fakes show to the product: what DNS, policy hosts and next hops answer, and the clock. One world
 * for a program, behind one lock; any thread. Texts that tell of calls have one form: dns TXT _mta-sts.example.com
 *   fetch example.com
 *   probe mx1.example.com:25 8.0.1.1
 * Counting and gates go by the beginning of that text, up to a blank or its end. */
#ifndef FAKES_WORLD_H
#define FAKES_WORLD_H

#include "address.h"
#include "dns.h"
#include "domain.h"
#include "evidence.h"
#include "lock.h"
#include "loop.h"

#define WORLD_START_S 1900000000 /* the wall clock of a new world */
#define WORLD_CALL_SIZE 400
#define WORLD_GATE_WAIT_MS 30000 /* tests wait half as long for what must not wait for a gate */

void world_reset(void); /* everything as in a new program; no call may be under way */

/* The clock. The wall clock stands still until it is moved. The monotonic clock runs as the machine's does, and is
 * moved on together with it. */
void world_advance(int64_t seconds);
void world_set_back(int64_t seconds); /* the wall clock alone; negative: set forth */
int64_t world_mono_offset_ms(void);
void world_clock_slow(int ms); /* so much passes from each look at the monotonic clock to the next; 0: as it is */

/* DNS. Records are in presentation form: `10 mx1.example.com`, `8.0.1.1`, `"v=STSv1;" " id=1"`, or bare text for one
 * TXT string. A name without records of a type answers NODATA when it has others, else NXDOMAIN. False: a record that
 * cannot be read. */
bool world_dns(const char *name, enum dns_type type, uint32_t ttl_s, const char *const *records, size_t count);
void world_dns_outcome(const char *name, enum dns_type type, enum dns_outcome outcome, uint32_t ttl_s);
void world_dns_secure(const char *name, enum dns_type type);
/* What is at or below a signed zone is secure, its absence too; the closest zone counts. */
void world_zone(const char *zone, bool is_signed);
/* A name that is another's alias: every look-up of it answers what is at `target`; secure if both are. */
void world_alias(const char *name, const char *target);
void world_resolver(bool alive);   /* dead: every lookup is DNS_BROKEN */
void world_validation(bool works); /* what dnssec = auto finds; at first it does not */
bool world_validates(void);
bool world_dns_type(const char *word, enum dns_type *type);
const char *world_dns_type_name(enum dns_type type);
/* An address of the host's own if it has none yet: 8.0.N.1, each host in a /24 of its own. */
void world_address(const char *host);

/* Policy hosts. A body passes through policy_parse(); a failure is told as given. Unlisted ones answer 404. */
void world_policy(const char *domain, const char *body, size_t len);
void world_policy_fails(const char *domain, enum reason outcome, const char *detail);

/* Hops, by host name, or by host name and one address (`host/8.0.1.2`) or `dane` (what a probe by TLSA records sees),
 * which come first. REASON_OK: good. Unlisted ones cannot be reached. */
void world_hop(const char *host, enum reason reason, uint16_t protocol);
/* The same, and what is wrong may pass by itself; or an MTA bound to verified TLS takes it all the same. */
void world_hop_passing(const char *host, enum reason reason, uint16_t protocol);
void world_hop_left_to_mta(const char *host, enum reason reason, uint16_t protocol);

/* The DNS names of the certificate that a listed hop shows, blank-separated, and its end. */
void world_hop_names(const char *host, const char *names, int64_t not_after);

/* Gates: calls that begin so wait until the gate is opened. */
void world_gate_shut(const char *calls);
void world_gate_open(const char *calls);                                    /* "": all */
bool world_gate_await(const char *calls, unsigned waiting, int timeout_ms); /* until so many calls wait there */

/* What was called. The log is the caller's to free: a call a line, from the call numbered `from`. */
unsigned world_count(const char *calls);
unsigned world_calls(void);
unsigned world_prefetches(void);
unsigned world_busy(void); /* calls under way */
unsigned world_busy_peak(void);
char *world_log(unsigned from);
int world_probe_ms(void);                /* the time that the newest probe was given */
void world_delay(unsigned microseconds); /* of each call, while it counts as under way */

/* Trouble with the store, whose calls pass through the linker's --wrap. */
enum world_store { WORLD_STORE_WHOLE, WORLD_STORE_UNWRITABLE, WORLD_STORE_BROKEN, WORLD_STORE_FULL };
void world_store(enum world_store state);
enum world_store world_store_state(void);
/* What is submitted from now on is not written yet; it is held, sixteen at most, until the store may go on. */
void world_store_hold(void);
unsigned world_store_held(void);
void world_store_let_go(void);
unsigned world_views(void); /* store views begun */
unsigned world_views_open(void);

/* For the fakes. A call is noted when it begins. It passes when its gates are open and the delay is over; the wake is
 * called then, or when its time is over, unless it had passed when it began. On the loop's thread, which has no store
 * view open. */
struct world_call;
struct world_call *world_call_start(struct loop *loop, int timeout_ms, struct wake wake, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool world_call_passes(struct world_call *call);
bool world_call_is_late(const struct world_call *call);
void world_call_drop(struct world_call **call); /* it ends */
void world_prefetch_note(const char *name, enum dns_type type);
void world_calls_look(void);  /* the clock has been moved */
void world_calls_reset(void); /* part of world_reset() */
void world_dns_answer_set(const char *name, enum dns_type type, struct dns_answer *answer); /* takes the answer over */
struct dns_answer *world_dns_answer(const char *name, enum dns_type type);
struct world_answer {
	bool listed; /* by all that was asked for */
	enum reason reason;
	uint16_t protocol;
	bool passing, left_to_mta;
	char *text; /* of a policy; NULL: `reason` says what failed; the caller frees */
	size_t len;
	char detail[128];
	char names[256];   /* of a hop's certificate, blank-separated */
	int64_t not_after; /* of it */
};
struct world_answer world_policy_answer(const char *domain);
struct world_answer world_hop_answer(const char *host, const char *address);
int64_t world_wall_s(void);
void world_view_count(int by);

#endif
