/* Domains and next hops with the messages of a log to each of them, and what was found out about each. A row is made when
 * its name is first seen and stays at its address. Not thread-safe, except that different rows may be used by different
 * threads. */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include "maillog.h"
#include "verdict.h"

#include <stdint.h>

#define TALLY_ROWS_MAX 1000000
#define TALLY_MAP_SIZE 12

/* What the audit found out about a next hop. The order is that of the table that is printed. */
enum tally_result {
	TALLY_DELAYED,       /* mail would be delayed */
	TALLY_UNCHECKED,     /* not known, because a lookup or probe failed here or did not end */
	TALLY_TESTING_FAILS, /* the next hop fails its policy, which has mode testing, so nothing is delayed */
	TALLY_SATISFIED,     /* there is a policy, and nothing would be delayed */
	TALLY_NO_POLICY,
	TALLY_RESULTS
};
/* Returns the name of a result for JSON, CSV and the state file, such as `delayed`. */
const char *tally_result_name(enum tally_result result);

struct tally_row {
	uint64_t count[MAILLOG_OUTCOMES]; /* recipients by their last outcome; zeros for a list */
	bool judged;                      /* the members below are set */
	bool has_policy;
	enum tally_result result;
	enum policy_mode mode;
	enum verdict_kind verdict;
	enum reason reason;
	char map[TALLY_MAP_SIZE]; /* what the map would answer: `secure`, `dane`, `NOTFOUND`, ...; "": unknown */
	bool map_holds;           /* the map's answer makes the MTA wait */
	bool level;               /* judged under default_level = verify */
	bool level_fails;         /* no mail host satisfies that: it decides, and the next two members say why */
	enum reason level_reason;
	char *level_hop;    /* or NULL; owned */
	bool level_unknown; /* whether a mail host satisfies it is not known */
	int64_t at;         /* when the result was found, in seconds since the epoch */
	char *hop;          /* the hop that decided, or NULL; owned */
	char name[];        /* a domain, or `[host]:port` */
};
uint64_t tally_messages(const struct tally_row *row);

struct tally {
	struct tally_row **rows; /* in the order in which they were made, or sorted */
	size_t count;
	uint32_t *slots; /* a hash table of row numbers, each plus one; 0: free */
	size_t slot_count;
	uint32_t salt;
};
/* `salt` makes the order of the table unpredictable. */
void tally_init(struct tally *tally, uint32_t salt);
void tally_free(struct tally *tally);
/* Returns the row of a name, or NULL if there is none. */
struct tally_row *tally_find(const struct tally *tally, const char *name);
/* Returns the row of a name, and makes it if there is none. Returns NULL if there are TALLY_ROWS_MAX others. */
struct tally_row *tally_make(struct tally *tally, const char *name);
/* Sorts the rows: by result if they are judged, then by messages, most first, then by name. */
void tally_sort(struct tally *tally, bool by_result);

#endif
