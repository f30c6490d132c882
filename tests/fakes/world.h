/* The world that the fakes show to the product: the answers of DNS, policy hosts and hops, and the clock. A program has
 * one world, behind one lock; any thread. A call is described by a text of this form:
 *   dns TXT _mta-sts.example.com
 *   fetch example.com
 *   probe mx1.example.com:25 8.0.1.1
 * Counts and gates match the beginning of that text, up to a blank or the end. */
#ifndef FAKES_WORLD_H
#define FAKES_WORLD_H

#include "address.h"
#include "dns.h"
#include "domain.h"
#include "evidence.h"
#include "lock.h"
#include "loop.h"
#include "network.h"

#define WORLD_START_S 1900000000 /* the wall clock of a new world */
#define WORLD_CALL_SIZE 400
#define WORLD_GATE_WAIT_MS 30000 /* tests wait half as long for calls that must not wait for a gate */

void world_reset(void); /* restores the initial state; no call may be in progress */

/* The clock. The wall clock stops until it is moved. The monotonic clock runs like the machine's, and is moved together
 * with the wall clock. */
void world_advance(int64_t seconds);
void world_set_back(int64_t seconds); /* the wall clock only; negative: forward */
int64_t world_mono_offset_ms(void);
void world_clock_slow(int ms); /* time that passes between two readings of the monotonic clock; 0: real time */

/* DNS. Records are in presentation form: `10 mx1.example.com`, `8.0.1.1`, `"v=STSv1;" " id=1"`, or bare text for one
 * TXT string. A name without records of a type answers NODATA if it has others, else NXDOMAIN. Returns false for a record
 * that cannot be parsed. */
bool world_dns(const char *name, enum dns_type type, uint32_t ttl_s, const char *const *records, size_t count);
void world_dns_outcome(const char *name, enum dns_type type, enum dns_outcome outcome, uint32_t ttl_s);
void world_dns_secure(const char *name, enum dns_type type);
/* Names at or below a signed zone are secure, also their absence; the closest zone counts. */
void world_zone(const char *zone, bool is_signed);
/* Makes a name an alias: every lookup of it returns the records of `target`; secure if both are. */
void world_alias(const char *name, const char *target);
void world_resolver(bool alive);   /* dead: every lookup is DNS_BROKEN */
void world_validation(bool works); /* the result of the trials of dnssec = auto; false at first */
bool world_validates(void);
void world_trial(bool under_way); /* the first trial of dnssec = auto has not ended; false at first */
bool world_decides(void);
bool world_dns_type(const char *word, enum dns_type *type);
const char *world_dns_type_name(enum dns_type type);
/* Gives the host an address if it has none yet: 8.0.N.1, each host in its own /24. */
void world_address(const char *host);

/* Policy hosts. policy_parse() parses a body; a failure is reported as given. Unlisted hosts answer 404. */
void world_policy(const char *domain, const char *body, size_t len);
void world_policy_fails(const char *domain, enum reason outcome, const char *detail);

/* Hops, by host name. Results for a host name and one address (`host/8.0.1.2`), or for `host/dane` (a probe by TLSA
 * records), take precedence. REASON_OK: good. Unlisted hops are unreachable. */
void world_hop(const char *host, enum reason reason, uint16_t protocol);
/* The same, and the failure may be temporary; or the hop satisfies an MTA bound to verified TLS all the same. */
void world_hop_passing(const char *host, enum reason reason, uint16_t protocol);
void world_hop_left_to_mta(const char *host, enum reason reason, uint16_t protocol);

/* The DNS names in the certificate of a listed hop, blank-separated, and the end of its validity. */
void world_hop_names(const char *host, const char *names, int64_t not_after);

/* Networks: of the /24 or /48 of an address; others are unknown. `gone`: there is no database. */
void world_networks_reset(void);
void world_network(const struct address *address, const struct network *network);
void world_networks_gone(bool gone);

/* What else a probe of a listed hop sees. */
struct world_look {
	char authority[64]; /* "": Test Authority */
	char key[32];       /* any word; equal words: the same key. "": the host's name */
	char leaf[32];      /* the same for the certificate; "": one for each key */
	char ehlo[64];      /* its name for itself; "": the host's name */
	int64_t not_before; /* 0: unknown */
	uint16_t protocol;  /* 0: as in world_hop() */
	bool rewritten;     /* a middlebox overwrites keywords */
	enum staple_state staple;
	enum requiretls_offer requiretls;
};
void world_hop_look(const char *host, const struct world_look *look);

/* Gates: calls whose text begins with `calls` wait until the gate is opened. */
void world_gate_shut(const char *calls);
void world_gate_open(const char *calls);                                    /* "": all */
bool world_gate_await(const char *calls, unsigned waiting, int timeout_ms); /* until this many calls wait there */

/* The calls that were made. The caller frees the log: a line for each call, from the call numbered `from`. */
unsigned world_count(const char *calls);
unsigned world_calls(void);
unsigned world_prefetches(void);
unsigned world_busy(void); /* calls in progress */
unsigned world_busy_peak(void);
char *world_log(unsigned from);
int world_probe_ms(void);                /* the time limit of the newest probe */
void world_delay(unsigned microseconds); /* of each call, which counts as in progress meanwhile */

/* Failures of the store, whose calls the linker redirects (--wrap). */
enum world_store { WORLD_STORE_WHOLE, WORLD_STORE_UNWRITABLE, WORLD_STORE_BROKEN, WORLD_STORE_FULL };
void world_store(enum world_store state);
enum world_store world_store_state(void);
/* Holds submissions from now on, sixteen at most, until the store may go on. */
void world_store_hold(void);
unsigned world_store_held(void);
void world_store_let_go(void);
unsigned world_views(void); /* store views begun */
unsigned world_views_open(void);

/* For the fakes. A call is recorded when it begins. It passes when its gates are open and the delay is over. Then, or at
 * its deadline, the wake is called, unless the call passed at once. On the loop's thread, which must have no store view
 * open. */
struct world_call;
struct world_call *world_call_start(struct loop *loop, int timeout_ms, struct wake wake, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool world_call_passes(struct world_call *call);
bool world_call_is_late(const struct world_call *call);
void world_call_drop(struct world_call **call); /* ends it */
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
	struct world_look look;
};
struct world_answer world_policy_answer(const char *domain);
struct world_answer world_hop_answer(const char *host, const char *address);
int64_t world_wall_s(void);
void world_view_count(int by);

#endif
