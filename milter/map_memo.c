#include "map_memo.h"

#include <string.h>

/* Eight octets at a time. Never 0. */
static uint32_t hash_of(struct span asked)
{
	uint64_t hash = asked.len;
	for (size_t i = 0; i < asked.len; i += sizeof hash) {
		uint64_t word = 0;
		if (asked.len - i >= sizeof word)
			memcpy(&word, asked.at + i, sizeof word);
		else
			memcpy(&word, asked.at + i, asked.len - i);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (uint32_t)hash != 0 ? (uint32_t)hash : 1;
}

static size_t place_of(uint32_t hash)
{
	return hash % MAP_MEMO_PLACES;
}

const struct map_memo_answer *map_memo_find(const struct map_memo *memo, struct span asked)
{
	const struct map_memo_answer *answer = &memo->at[place_of(hash_of(asked))];
	bool same = asked.len > 0 && answer->asked_len == asked.len && memcmp(answer->asked, asked.at, asked.len) == 0;
	return same ? answer : NULL;
}

void map_memo_keep(struct map_memo *memo, struct span asked, struct span reply, const struct question *question,
	const struct outcome *outcome)
{
	uint32_t hash = hash_of(asked);
	size_t place = place_of(hash);
	bool again = memo->last[place] == hash;
	memo->last[place] = hash;
	if (!again || asked.len > MAP_MEMO_ASKED_MAX || reply.len > MAP_MEMO_REPLY_MAX)
		return;
	struct map_memo_answer *answer = &memo->at[place];
	answer->asked_len = (uint16_t)asked.len;
	answer->reply_len = (uint16_t)reply.len;
	memcpy(answer->asked, asked.at, asked.len);
	memcpy(answer->reply, reply.at, reply.len);
	answer->question = *question;
	answer->basis = outcome->basis;
	answer->verdict = outcome->verdict;
}
