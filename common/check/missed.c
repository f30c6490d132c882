#include "missed.h"

#include "lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	char domain[DOMAIN_SIZE];
	enum reason outcome; /* REASON_NONE: free */
	int64_t at_ms;
};

struct missed {
	struct lock lock;
	struct slot slot[MISSED_SLOTS] GUARDED_BY(lock);
};

struct missed *missed_new(void)
{
	struct missed *missed = calloc(1, sizeof *missed);
	if (!missed)
		abort();
	lock_init(&missed->lock);
	return missed;
}

void missed_free(struct missed **missed)
{
	if (!*missed)
		return;
	lock_destroy(&(*missed)->lock);
	free(*missed);
	*missed = NULL;
}

static struct slot *slot_of(struct missed *missed, const char *domain) REQUIRES(missed->lock)
{
	return &missed->slot[domain_hash(domain, 0) % MISSED_SLOTS];
}

void missed_note(struct missed *missed, const char *domain, enum reason outcome, int64_t now_ms)
{
	lock_take(&missed->lock);
	struct slot *slot = slot_of(missed, domain);
	snprintf(slot->domain, sizeof slot->domain, "%s", domain);
	slot->outcome = outcome;
	slot->at_ms = now_ms;
	lock_drop(&missed->lock);
}

enum reason missed_lately(struct missed *missed, const char *domain, int64_t now_ms)
{
	lock_take(&missed->lock);
	const struct slot *slot = slot_of(missed, domain);
	bool known = strcmp(slot->domain, domain) == 0 && now_ms - slot->at_ms < MISSED_MS;
	enum reason outcome = known ? slot->outcome : REASON_NONE;
	lock_drop(&missed->lock);
	return outcome;
}
