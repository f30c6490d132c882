#include "fleet_hints.h"

#include "clock.h"
#include "fleet_trust.h"
#include "fleet_value.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_FIRST_MS 50 /* between two looks for the result of another relay's fetch; doubles each time */
#define PAUSE_MOST_MS 1000
#define HOP_NODES "1024"         /* nodes whose evidence about a mail host is read */
#define HOP_OCTETS_MAX (2 << 20) /* memory that their hash takes; more is no evidence */

_Static_assert(FLEET_VALUE_MAX < LINK_TEXT_MAX, "a text that is cut is too long for a value");

struct fleet_hints {
	const struct fleet_base *base;
	struct asking *waiting; /* for other relays' fetches; on the loop's thread */
	struct loop_task stop;
	struct lock lock;
	bool stopped GUARDED_BY(lock);
	unsigned telling GUARDED_BY(lock);
};

/* A question of an inquiry. */
struct asking {
	struct loop_task task;
	struct fleet_hints *hints;
	struct hint_ask *ask;
	bool turn;      /* HINT_FETCH: this relay may fetch */
	bool last_look; /* the other relay's turn has ended: its result is there now or never */
	int64_t pause_ms;
	struct loop_timer *pause; /* while it waits; else NULL */
	struct asking *next, **link;
	struct fleet_entry found;
	enum fleet_trust trust;
	/* HINT_HOP: what other nodes have seen, owned, and whether the hop record has changed by it. */
	struct fleet_seen *seen;
	size_t seen_count;
	bool changed;
	struct store_batch_change change;
	struct store_submission submission;
};

static bool is_stopped(struct fleet_hints *hints)
{
	lock_take(&hints->lock);
	bool stopped = hints->stopped;
	lock_drop(&hints->lock);
	return stopped;
}

/* --- the end of a question: on the loop's thread, or on the store's thread after a stop ---------------------------- */

static void finish(struct asking *asking, enum hint_outcome outcome)
{
	struct hint_ask *ask = asking->ask;
	metrics_add(METRIC_FLEET_HINTS, ask->kind, outcome, 0, 1);
	ask->stored = outcome == HINT_TAKEN;
	entry_free(&asking->found.entry);
	free(asking->seen);
	free(asking);
	ask->done(ask);
}

static void look(struct asking *asking);

static void waiting_end(struct asking *asking)
{
	loop_timer_free(&asking->pause);
	*asking->link = asking->next;
	if (asking->next)
		asking->next->link = asking->link;
}

static void on_pause_over(void *arg)
{
	struct asking *asking = arg;
	waiting_end(asking);
	look(asking);
}

/* Another relay is fetching: looks again after a pause. */
static void wait_for_other(struct asking *asking)
{
	struct fleet_hints *hints = asking->hints;
	int64_t left_ms = asking->ask->until_ms - clock_mono_ms();
	if (left_ms <= 0) {
		finish(asking, HINT_WAITED);
		return;
	}
	asking->pause_ms = asking->pause_ms == 0 ? PAUSE_FIRST_MS : asking->pause_ms * 2;
	if (asking->pause_ms > PAUSE_MOST_MS)
		asking->pause_ms = PAUSE_MOST_MS;
	asking->pause = loop_timer_new(hints->base->loop, on_pause_over, asking);
	loop_timer_set(asking->pause, asking->pause_ms < left_ms ? asking->pause_ms : left_ms);
	asking->next = hints->waiting;
	asking->link = &hints->waiting;
	if (asking->next)
		asking->next->link = &asking->next;
	hints->waiting = asking;
}

/* There was no usable value. */
static void unanswered(struct asking *asking, enum hint_outcome outcome)
{
	entry_free(&asking->found.entry);
	if (asking->ask->kind != HINT_FETCH || asking->turn || outcome == HINT_LATE || is_stopped(asking->hints))
		finish(asking, outcome);
	else if (asking->last_look)
		finish(asking, HINT_WAITED);
	else
		wait_for_other(asking);
}

/* --- into the store ----------------------------------------------------------------------------------------------- */

/* On the store's thread, perhaps more than once. */
static void entry_apply(struct entry *entry, void *arg)
{
	struct asking *asking = arg;
	const struct fleet_entry *found = &asking->found;
	asking->trust =
		fleet_trust_entry(entry, &found->entry, found->writer, asking->hints->base->node, clock_wall_s());
}

static void lease_drop(struct fleet_hints *hints, const char *domain);

static void stored(struct asking *asking)
{
	const struct fleet_entry *found = &asking->found;
	if (asking->ask->kind == HINT_HOP) {
		finish(asking, asking->change.stored && asking->changed ? HINT_TAKEN : HINT_UNUSED);
		return;
	}
	if (!asking->change.stored || asking->trust != FLEET_TRUST_TAKEN) {
		unanswered(asking, HINT_UNUSED);
		return;
	}
	log_info("domain=%s policy=%s id=%s taken over from relay %s", found->entry.domain,
		policy_mode_name(found->entry.policy.mode), found->entry.policy_id, found->writer);
	finish(asking, HINT_TAKEN);
}

static void on_stored(struct loop_task *task)
{
	struct asking *asking = (struct asking *)((char *)task - offsetof(struct asking, task));
	if (asking->turn && asking->trust == FLEET_TRUST_TAKEN)
		lease_drop(asking->hints, asking->ask->name);
	stored(asking);
}

/* On the store's thread. A task that is posted before the stop still runs; after the stop nobody waits any more. */
static void on_written(struct store_submission *submission)
{
	struct asking *asking = (struct asking *)((char *)submission - offsetof(struct asking, submission));
	struct fleet_hints *hints = asking->hints;
	lock_take(&hints->lock);
	bool stopped = hints->stopped;
	asking->task.run = on_stored;
	if (!stopped)
		loop_post(hints->base->loop, &asking->task);
	lock_drop(&hints->lock);
	if (stopped)
		stored(asking);
}

/* Returns whether an operator has had the domain forgotten since the policy was fetched. */
static bool is_forgotten(struct store_view *view, const struct entry *found)
{
	struct decision_record forget;
	return store_view_decision(view, DECISION_FORGET, found->domain, &forget) == STORE_FOUND &&
	       decision_forgets(&forget, found);
}

/* Returns what the rule of trust says about the entry as it is stored now. Most values that are looked at again and again add
 * nothing, and need no transaction. */
static enum fleet_trust trust_now(struct asking *asking)
{
	struct entry entry;
	struct failure why;
	struct store_view *view = store_view_begin(asking->hints->base->store, &why);
	if (!view)
		return FLEET_TRUST_NO_POLICY;
	store_view_entry(view, asking->ask->name, &entry);
	bool forgotten = is_forgotten(view, &asking->found.entry);
	store_view_end(&view);
	entry_apply(&entry, asking);
	if (forgotten)
		asking->trust = FLEET_TRUST_OVER;
	entry_free(&entry);
	return asking->trust;
}

static void submit(struct asking *asking)
{
	asking->change.domain_or_host = asking->ask->name;
	asking->change.arg = asking;
	asking->submission = (struct store_submission){.change = &asking->change, .count = 1, .done = on_written};
	store_submit(asking->hints->base->store, &asking->submission);
}

static void entry_store(struct asking *asking)
{
	if (trust_now(asking) != FLEET_TRUST_TAKEN) {
		unanswered(asking, HINT_UNUSED);
		return;
	}
	asking->change.entry = entry_apply;
	submit(asking);
}

/* On the store's thread, perhaps more than once. */
static void hop_apply(struct hop_record *record, void *arg)
{
	struct asking *asking = arg;
	const struct fleet_base *base = asking->hints->base;
	asking->changed = fleet_trust_hop(
		record, asking->seen, asking->seen_count, base->node, base->settings->probe_ttl_max, clock_wall_s());
}

/* --- asking: on the loop's thread --------------------------------------------------------------------------------- */

/* Reads a text, but no more than its first `max` octets and one more, since anybody may have put a long one there. The text is empty
 * if there is none. */
static void text_get(struct fleet_hints *hints, int64_t deadline_ms, link_answered *answered, void *arg,
	const char *place, unsigned max)
{
	char last[16];
	snprintf(last, sizeof last, "%u", max);
	link_ask(hints->base->link, deadline_ms, answered, arg, 4, (const char *const[]){"GETRANGE", place, "0", last});
}

static void on_value(void *arg, const struct link_reply *reply)
{
	struct asking *asking = arg;
	const struct fleet_base *base = asking->hints->base;
	if (reply->kind == LINK_REFUSED || (reply->kind == LINK_BYTES && reply->len == 0)) {
		unanswered(asking, HINT_NONE);
		return;
	}
	if (reply->kind != LINK_BYTES) {
		unanswered(asking, HINT_LATE);
		return;
	}
	enum fleet_ignored ignored =
		fleet_entry_read(base, asking->ask->name, reply->bytes, reply->len, clock_wall_s(), &asking->found);
	if (ignored == FLEET_TAKEN) {
		entry_store(asking);
		return;
	}
	unanswered(asking, HINT_IGNORED);
}

static void value_get(struct asking *asking)
{
	char place[FLEET_PLACE_SIZE];
	fleet_place(place, asking->hints->base, "entry", asking->ask->name);
	text_get(asking->hints, LINK_DEADLINE_MS, on_value, asking, place, FLEET_VALUE_MAX);
}

static void on_lease_seen(void *arg, const struct link_reply *reply)
{
	struct asking *asking = arg;
	asking->last_look = reply->kind != LINK_NUMBER || reply->number <= 0 || reply->number > HINTS_LEASE_MS;
	if (reply->kind == LINK_NONE) /* link_free() may be the cause, so nothing is asked any more */
		finish(asking, HINT_LATE);
	else
		value_get(asking);
}

/* Looks whether the other relay has finished. Its turn is looked at first: it writes the value before it gives up the turn. A turn
 * that lasts longer than a relay asks for, or for ever, is nobody's: anybody may have written it, to make mail wait. */
static void look(struct asking *asking)
{
	char place[FLEET_PLACE_SIZE];
	fleet_place(place, asking->hints->base, "lease", asking->ask->name);
	link_ask(asking->hints->base->link, LINK_DEADLINE_MS, on_lease_seen, asking, 2,
		(const char *const[]){"PTTL", place});
}

/* The turn comes before the value, so that a relay which gets the turn sees what the one before it has written. If the server
 * refuses to give turns, nobody waits. */
static void on_lease(void *arg, const struct link_reply *reply)
{
	struct asking *asking = arg;
	asking->turn = reply->kind != LINK_NIL;
	if (reply->kind == LINK_NONE)
		finish(asking, HINT_LATE);
	else
		value_get(asking);
}

static void lease_ask(struct asking *asking)
{
	const struct fleet_base *base = asking->hints->base;
	char place[FLEET_PLACE_SIZE], ms[16];
	fleet_place(place, base, "lease", asking->ask->name);
	snprintf(ms, sizeof ms, "%d", HINTS_LEASE_MS);
	link_ask(base->link, LINK_DEADLINE_MS, on_lease, asking, 6,
		(const char *const[]){"SET", place, base->node, "NX", "PX", ms});
}

/* The first part of a hash: a cursor, and the list of fields and values in turn. */
static void on_hop(void *arg, const struct link_reply *reply)
{
	struct asking *asking = arg;
	const struct fleet_base *base = asking->hints->base;
	const struct hint_ask *ask = asking->ask;
	int64_t now = clock_wall_s();
	const struct link_reply *fields = reply->kind == LINK_LIST && reply->count == 2 ? &reply->item[1] : NULL;
	if (!fields || fields->kind != LINK_LIST || fields->count < 2) {
		finish(asking, reply->kind == LINK_NONE ? HINT_LATE : HINT_NONE);
		return;
	}
	asking->seen = xcalloc(fields->count / 2, sizeof *asking->seen);
	for (size_t i = 0; i + 1 < fields->count; i += 2)
		if (fleet_hop_read(base, ask->name, ask->port, &fields->item[i], &fields->item[i + 1], now,
			    &asking->seen[asking->seen_count]) == FLEET_TAKEN)
			asking->seen_count++;
	if (asking->seen_count == 0) {
		finish(asking, HINT_IGNORED);
		return;
	}
	asking->change.hop = hop_apply;
	asking->change.port = ask->port;
	submit(asking);
}

/* One part holds all nodes of a farm, and never more items than a reply may have, whatever else is in the hash. */
static void on_hop_size(void *arg, const struct link_reply *reply)
{
	struct asking *asking = arg;
	const struct fleet_base *base = asking->hints->base;
	char place[FLEET_PLACE_SIZE];
	if (reply->kind == LINK_NIL || reply->kind == LINK_NONE) {
		finish(asking, reply->kind == LINK_NIL ? HINT_NONE : HINT_LATE);
		return;
	}
	if (fleet_usage_is_large(reply, HOP_OCTETS_MAX)) {
		finish(asking, HINT_IGNORED);
		return;
	}
	fleet_hop_place(place, base, asking->ask->name, asking->ask->port);
	link_ask(base->link, LINK_DEADLINE_MS / 2, on_hop, asking, 5,
		(const char *const[]){"HSCAN", place, "0", "COUNT", HOP_NODES});
}

static void hop_get(struct asking *asking)
{
	const struct fleet_base *base = asking->hints->base;
	char place[FLEET_PLACE_SIZE];
	fleet_hop_place(place, base, asking->ask->name, asking->ask->port);
	link_ask(base->link, LINK_DEADLINE_MS / 2, on_hop_size, asking, FLEET_USAGE_WORDS, FLEET_USAGE(place));
}

static void on_ask(struct loop_task *task)
{
	struct asking *asking = (struct asking *)((char *)task - offsetof(struct asking, task));
	switch (asking->ask->kind) {
	case HINT_ENTRY:
		value_get(asking);
		break;
	case HINT_FETCH:
		lease_ask(asking);
		break;
	case HINT_HOP:
		hop_get(asking);
		break;
	case HINT_KINDS:
		finish(asking, HINT_NONE);
		break;
	}
}

static bool hints_ask(void *arg, struct hint_ask *ask)
{
	struct fleet_hints *hints = arg;
	struct asking *asking = xcalloc(1, sizeof *asking);
	asking->task.run = on_ask;
	asking->hints = hints;
	asking->ask = ask;
	lock_take(&hints->lock);
	bool stopped = hints->stopped;
	if (!stopped)
		loop_post(hints->base->loop, &asking->task);
	lock_drop(&hints->lock);
	if (stopped)
		free(asking);
	return !stopped;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

/* News of an inquiry, on their way to the loop; then a turn that is given up. */
struct telling {
	struct loop_task task;
	struct fleet_hints *hints;
	struct hint_news news;
	char name[DOMAIN_SIZE];
};

static void on_lease_owner(void *arg, const struct link_reply *reply)
{
	struct telling *telling = arg;
	const struct fleet_base *base = telling->hints->base;
	char place[FLEET_PLACE_SIZE];
	fleet_place(place, base, "lease", telling->name);
	if (reply->kind == LINK_BYTES && reply->len == strlen(base->node) &&
		memcmp(reply->bytes, base->node, reply->len) == 0)
		link_ask(base->link, LINK_PATIENCE_MS, NULL, NULL, 2, (const char *const[]){"DEL", place});
	free(telling);
}

/* Gives up the turn to fetch, if this relay has it. */
static void lease_drop(struct fleet_hints *hints, const char *domain)
{
	struct telling *telling = xcalloc(1, sizeof *telling);
	char place[FLEET_PLACE_SIZE];
	telling->hints = hints;
	memcpy(telling->name, domain, strnlen(domain, sizeof telling->name - 1));
	fleet_place(place, hints->base, "lease", domain);
	text_get(hints, LINK_PATIENCE_MS, on_lease_owner, telling, place, NODE_NAME_SIZE);
}

/* Writes a policy that this relay has fetched itself, for the rest of its life. */
static void entry_put(const struct fleet_base *base, const struct entry *entry)
{
	int64_t now = clock_wall_s(), left_s = entry->policy_expires_at - now;
	char place[FLEET_PLACE_SIZE], ms[24];
	size_t len;
	if (!entry->has_policy || entry->policy_from[0] != '\0' || left_s <= 0)
		return;
	char *value = fleet_entry_write(base, entry, now, &len);
	if (!value)
		return;
	fleet_place(place, base, "entry", entry->domain);
	snprintf(ms, sizeof ms, "%" PRId64, left_s * 1000);
	const char *const words[] = {"SET", place, value, "PX", ms};
	const size_t lens[] = {3, strlen(place), len, 2, strlen(ms)};
	link_command(base->link, LINK_PATIENCE_MS, NULL, NULL, 5, words, lens);
	free(value);
}

static void tell_entry(struct fleet_hints *hints, const struct telling *telling)
{
	struct entry entry;
	struct failure why;
	struct store_view *view = telling->news.found ? store_view_begin(hints->base->store, &why) : NULL;
	if (view) {
		store_view_entry(view, telling->name, &entry);
		store_view_end(&view);
		entry_put(hints->base, &entry);
		entry_free(&entry);
	}
	lease_drop(hints, telling->name);
}

/* Writes evidence of a probe of our own. The hash lives as long as evidence counts. */
static void evidence_put(const struct fleet_base *base, const char *host, uint16_t port, const struct evidence *seen)
{
	char place[FLEET_PLACE_SIZE], ms[24];
	size_t len;
	char *value = fleet_hop_write(base, host, port, seen, clock_wall_s(), &len);
	if (!value)
		return;
	fleet_hop_place(place, base, host, port);
	snprintf(ms, sizeof ms, "%" PRId64, (int64_t)base->settings->probe_ttl_max * 1000);
	const char *const words[] = {"HSET", place, base->node, value};
	const size_t lens[] = {4, strlen(place), strlen(base->node), len};
	link_command(base->link, LINK_PATIENCE_MS, NULL, NULL, 4, words, lens);
	link_ask(base->link, LINK_PATIENCE_MS, NULL, NULL, 3, (const char *const[]){"PEXPIRE", place, ms});
	free(value);
}

static void on_corroborated(struct hint_ask *ask)
{
	free(ask);
}

/* After bad evidence of our own: looks what other relays see. */
static void corroborate(struct fleet_hints *hints, const struct telling *telling)
{
	struct asking *asking = xcalloc(1, sizeof *asking);
	asking->hints = hints;
	asking->ask = xcalloc(1, sizeof *asking->ask);
	*asking->ask = (struct hint_ask){.kind = HINT_HOP, .port = telling->news.port, .done = on_corroborated};
	memcpy(asking->ask->name, telling->name, sizeof asking->ask->name);
	hop_get(asking);
}

static void tell_hop(struct fleet_hints *hints, const struct telling *telling)
{
	struct failure why;
	struct store_view *view = store_view_begin(hints->base->store, &why);
	if (!view)
		return;
	struct hop_record *record = xcalloc(1, sizeof *record);
	const struct evidence *seen = &record->pkix.newest;
	store_view_hop(view, telling->name, telling->news.port, record);
	store_view_end(&view);
	bool own = seen->at != 0 && seen->seen_by[0] == '\0' && seen->seen_for[0] == '\0';
	if (own && evidence_is_conclusive(seen))
		evidence_put(hints->base, telling->name, telling->news.port, seen);
	if (own && reason_class(seen->reason) == REASON_BAD)
		corroborate(hints, telling);
	free(record);
}

static void on_tell(struct loop_task *task)
{
	struct telling *telling = (struct telling *)((char *)task - offsetof(struct telling, task));
	struct fleet_hints *hints = telling->hints;
	if (telling->news.kind == HINT_FETCH)
		tell_entry(hints, telling);
	else
		tell_hop(hints, telling);
	lock_take(&hints->lock);
	hints->telling--;
	lock_drop(&hints->lock);
	free(telling);
}

static void hints_tell(void *arg, const struct hint_news *news)
{
	struct fleet_hints *hints = arg;
	struct telling *telling = xcalloc(1, sizeof *telling);
	telling->task.run = on_tell;
	telling->hints = hints;
	telling->news = *news;
	memcpy(telling->name, news->name, strnlen(news->name, sizeof telling->name - 1));
	lock_take(&hints->lock);
	bool dropped = hints->stopped || hints->telling == HINTS_TELLING_MAX;
	if (!dropped) {
		hints->telling++;
		loop_post(hints->base->loop, &telling->task);
	}
	lock_drop(&hints->lock);
	if (dropped)
		free(telling);
}

/* --- beginning and end -------------------------------------------------------------------------------------------- */

static void on_stop(struct loop_task *task)
{
	struct fleet_hints *hints = (struct fleet_hints *)((char *)task - offsetof(struct fleet_hints, stop));
	while (hints->waiting) {
		struct asking *asking = hints->waiting;
		waiting_end(asking);
		finish(asking, HINT_WAITED);
	}
}

struct fleet_hints *fleet_hints_new(const struct fleet_base *base)
{
	struct fleet_hints *hints = xcalloc(1, sizeof *hints);
	hints->base = base;
	hints->stop.run = on_stop;
	lock_init(&hints->lock);
	check_on_hints(base->check, &(struct hints_source){.arg = hints, .ask = hints_ask, .tell = hints_tell});
	return hints;
}

void fleet_hints_stop(struct fleet_hints *hints)
{
	lock_take(&hints->lock);
	bool first = !hints->stopped;
	hints->stopped = true;
	if (first)
		loop_post(hints->base->loop, &hints->stop);
	lock_drop(&hints->lock);
}

void fleet_hints_free(struct fleet_hints **hints)
{
	if (!*hints)
		return;
	lock_destroy(&(*hints)->lock);
	free(*hints);
	*hints = NULL;
}
