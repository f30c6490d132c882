/* Requests to the map that were answered a moment ago, with their answers, so that a busy domain costs little: see
 * check_ask_again(), without which no answer may be used.
 *
 * A table of fixed size for one thread. A request has one place in it, by a hash; an answer that is kept there replaces the one
 * before. Only a request that comes twice in a row at its place is kept. So strangers who choose requests to collide
 * gain nothing but work that is done anew. */
#ifndef MILTER_MAP_MEMO_H
#define MILTER_MAP_MEMO_H

#include "check.h"

#define MAP_MEMO_PLACES 256
#define MAP_MEMO_ASKED_MAX 288 /* octets of a request; a longer one is not kept */
#define MAP_MEMO_REPLY_MAX 512 /* octets of a reply's payload */

struct map_memo_answer {
	uint16_t asked_len, reply_len; /* asked_len 0: the place is empty */
	char asked[MAP_MEMO_ASKED_MAX];
	char reply[MAP_MEMO_REPLY_MAX]; /* the payload */
	struct question question;
	struct basis basis;
	struct verdict verdict;
};

/* Zeroed: empty. */
struct map_memo {
	uint32_t last[MAP_MEMO_PLACES]; /* the hash of the last request at each place */
	struct map_memo_answer at[MAP_MEMO_PLACES];
};

/* Returns the answer to a request (the payload of its netstring), or NULL. */
const struct map_memo_answer *map_memo_find(const struct map_memo *memo, struct span asked);
/* Keeps an answer, if the last request at its place was the same and nothing is too long. */
void map_memo_keep(struct map_memo *memo, struct span asked, struct span reply, const struct question *question,
	const struct outcome *outcome);

#endif
