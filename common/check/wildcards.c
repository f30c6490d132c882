#include "wildcards.h"

#include "evidence.h"
#include "facts.h"
#include "lock.h"
#include "question.h"

#include <stdlib.h>

#define NEIGHBOURS 4 /* slots that a domain may stand in */

struct slot {
	uint64_t domain; /* its hash */
	int64_t next_ms; /* when it is looked at again; 0: free */
};

struct wildcards {
	struct lock lock;
	struct slot slot[WILDCARDS_SLOTS] GUARDED_BY(lock);
};

struct wildcards *wildcards_new(void)
{
	struct wildcards *wildcards = calloc(1, sizeof *wildcards);
	if (!wildcards)
		abort();
	lock_init(&wildcards->lock);
	return wildcards;
}

void wildcards_free(struct wildcards **wildcards)
{
	if (!*wildcards)
		return;
	lock_destroy(&(*wildcards)->lock);
	free(*wildcards);
	*wildcards = NULL;
}

static uint64_t hash_of(const char *domain)
{
	return (uint64_t)domain_hash(domain, 1) << 32 | domain_hash(domain, 2);
}

/* The domain's own slot, or else the one among its neighbours whose time is over first. */
static struct slot *slot_of(struct wildcards *wildcards, uint64_t domain) REQUIRES(wildcards->lock)
{
	struct slot *found = NULL;
	for (uint64_t i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = &wildcards->slot[(domain + i) % WILDCARDS_SLOTS];
		if (slot->domain == domain)
			return slot;
		if (!found || slot->next_ms < found->next_ms)
			found = slot;
	}
	return found;
}

/* From now on for WILDCARDS_LOOK_MS it is not. */
static bool look_is_due(struct wildcards *wildcards, uint64_t domain, int64_t now_ms)
{
	lock_take(&wildcards->lock);
	struct slot *slot = slot_of(wildcards, domain);
	bool due = slot->domain != domain || now_ms >= slot->next_ms;
	if (due)
		*slot = (struct slot){domain, now_ms + WILDCARDS_LOOK_MS};
	lock_drop(&wildcards->lock);
	return due;
}

static void look_is_over(struct wildcards *wildcards, uint64_t domain, int64_t now_ms)
{
	lock_take(&wildcards->lock);
	*slot_of(wildcards, domain) = (struct slot){domain, now_ms + WILDCARDS_SAID_MS};
	lock_drop(&wildcards->lock);
}

static bool hop_is_passed_over(struct store_view *view, const char *host)
{
	struct hop_record record;
	return store_view_hop(view, host, QUESTION_PORT, &record) == STORE_FOUND && record.pkix.good.at != 0 &&
	       evidence_by_wildcard_only(&record.pkix.good, host);
}

/* The first such host of the MX set, or NULL. */
static const char *host_passed_over(struct store *store, const struct entry *entry)
{
	struct failure why;
	const char *found = NULL, *host = NULL;
	struct store_view *view = store_view_begin(store, &why);
	if (!view)
		return NULL;
	if (entry->mx.state == MX_IMPLICIT && hop_is_passed_over(view, entry->domain))
		found = entry->domain;
	for (int i = 0; !found && i < HOPS_MAX && (host = names_next(&entry->mx.names, host)) != NULL; i++)
		if (hop_is_passed_over(view, host))
			found = host;
	store_view_end(&view);
	return found;
}

void wildcards_look(struct wildcards *wildcards, struct store *store, struct events *events, const struct entry *entry,
	int64_t now_ms)
{
	uint64_t domain = hash_of(entry->domain);
	if (!look_is_due(wildcards, domain, now_ms))
		return;
	const char *host = host_passed_over(store, entry);
	if (!host)
		return;
	look_is_over(wildcards, domain, now_ms);
	events_note(events, EVENT_WILDCARD_CERTIFICATE, entry->domain, host);
}
