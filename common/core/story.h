/* A story: what the store keeps of one sign, from its beginning to its end, so that an operator can show it to others.
 *
 * It holds what was seen at the hop or in DNS now, the last good state before, what became of the domain's mail, and dated
 * lines: the sign itself, changes of the verdict, the end. It holds nothing of a message and no local part. Encoded, a
 * story has at most STORY_BYTES_MAX octets. A story is a single block of memory from calloc(): story_new(), then set the
 * members and add lines. Times are wall-clock seconds. Pure; any thread. */
#ifndef CORE_STORY_H
#define CORE_STORY_H

#include "event_record.h"
#include "evidence.h"
#include "look.h"
#include "step.h"
#include "text.h"
#include "verdict_record.h"

#define STORY_BYTES_MAX 8192
#define STORY_LINE_SIZE 160
#define STORY_LINES_MAX 24 /* of more lines, the first and the last half are kept */
#define STORY_DNS_SIZE 512
#define STORY_CLOCK_SIZE 160
#define STORY_HOSTS_SIZE 512

struct story_line {
	int64_t at;
	char text[STORY_LINE_SIZE]; /* printable ASCII; untrusted parts are already quoted */
};
struct story_lines {
	uint32_t count, left_out; /* lines that are kept; lines in their middle that are not */
	struct story_line line[STORY_LINES_MAX];
};

/* What became of mail while a sign lasted. A message that is tried again counts again. */
enum story_fate {
	FATE_LEFT,    /* not known to this front end: the map decides at delivery (mta_enforces). Not counted */
	FATE_DELAYED, /* a recipient that the milter or policy delegation delayed or held, or a reply TEMP of the map */
	FATE_BOUND,   /* a reply of the map that binds the delivery to verified TLS */
	FATE_CHECKED, /* a recipient let pass after a good check, where no map binds the delivery */
	FATE_OPEN,    /* a recipient let pass, or a reply of the map, without a guarantee of TLS */
	STORY_FATES
};

struct story {
	struct event_record event; /* as it was when the story was last written; its number identifies the story */
	/* Absent for a sign in DNS or in a policy. */
	struct evidence before; /* the last good evidence before the sign */
	struct look before_look;
	struct evidence now; /* the newest evidence that shows the sign */
	struct look now_look;
	struct look first_look; /* the look that showed the sign first; absent while that is now_look */
	/* Printable: what DNS answered about the domain, with DNSSEC status and TTL: record, MX set, TLSA records. */
	char dns_before[STORY_DNS_SIZE], dns_now[STORY_DNS_SIZE];
	char clock[STORY_CLOCK_SIZE]; /* printable: whether this machine's clock seems right */
	/* The mail hosts that have shown the sign, as `host:port`, separated by blanks. STORY_HOSTS_MORE stands for all that
	 * found no room. */
	char hosts[STORY_HOSTS_SIZE];
	uint32_t mail[STORY_FATES];
	uint32_t gaps; /* during how many periods mail was not counted, because stsgated did not run or had no room */
	struct story_lines lines;
};
#define STORY_HOSTS_MORE "*"

/* Returns a story of a sign, with one line: the event's detail. The caller frees it with free(). */
struct story *story_new(const struct event_record *event);
/* Adds a line: cuts what is too long, and replaces each octet that is not printable ASCII by `?`. */
void story_add_line(struct story_lines *lines, int64_t at, const char *text);
/* Adds a host to a list as in struct story, unless it is there already. */
void story_add_host(char hosts[STORY_HOSTS_SIZE], const char *host, uint16_t port);
/* Takes one host off the front of a list; returns false if none is left. The port of STORY_HOSTS_MORE is 0. */
bool story_next_host(const char **hosts, char host[DOMAIN_SIZE], uint16_t *port);
/* Merges the story of a later sign of the same kind and domain into `story`: what was before and the first look stay, what
 * is now is replaced, lines and counts are added. A line that only repeats the first or the newest one is not. Leaves
 * story->event alone. */
void story_merge(struct story *story, const struct story *later);

/* Returns what becomes of mail by a verdict that a front end acts on. `bound`: the map's reply binds the delivery to
 * verified TLS. */
enum story_fate story_fate(
	enum verdict_door door, const struct verdict *verdict, enum deed deed, bool bound, bool mta_enforces);
/* Writes how the story ends after so many seconds: `over after 43 minutes: mail was delayed 17 times, none of it sent in
 * the clear`. `quiet_days`: it ends after so many days without the sign; 0: what showed it is good again. */
void story_over_text(struct text *out, const struct story *story, int64_t seconds, unsigned quiet_days);

extern const struct fields story_table; /* all members but the event and the lines */

/* Encode a story for the store, and decode it: see entry_encode(). What does not fit into STORY_BYTES_MAX is cut: replies
 * of hosts, chains and DNS answers first, then lines. */
struct bytes story_encode(const struct story *story);
bool story_decode(struct story *out, const void *bytes, size_t len);

#endif
