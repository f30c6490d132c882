#include "stories.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"
#include "sign_over.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_BITS 1024
#define DOORS (DOOR_DELEGATION + 1)
#define DAY_S 86400
#define FOLLOWED_S 15 /* a sign that another process noted so lately counts as followed from its beginning */
#define NUMBER_UNKNOWN UINT32_MAX

/* A sign that is not over. */
struct open_sign {
	uint32_t id;               /* of this use of the slot; 0: unused */
	struct event_record event; /* its number is 0 until the store has given one */
	char hosts[STORY_HOSTS_SIZE];
	bool ends; /* stories_end() has ended it */
	/* What is not written yet. */
	uint32_t mail[STORY_FATES];
	uint32_t gaps;
	struct story_lines *lines; /* owned; may be NULL */
	/* The last verdict of each front end. */
	struct {
		bool known;
		enum verdict_kind kind;
		enum reason reason;
		enum deed deed;
	} told[DOORS];
};

struct stories {
	struct store *store;
	struct events *events;
	atomic_uint open;                          /* how many signs are open */
	_Atomic uint64_t filter[FILTER_BITS / 64]; /* by a hash of the domain: whether a sign may be open */
	struct lock lock;
	struct open_sign sign[STORIES_OPEN_MAX] GUARDED_BY(lock);
	uint32_t last_id GUARDED_BY(lock);
	/* Used by stories_write() only. */
	uint32_t number; /* of the newest event when the open signs were last read from the store */
	size_t at;       /* the slot at which the next round begins */
};

/* --- the table ---------------------------------------------------------------------------------------------------- */

static bool filter_has(struct stories *stories, const char *domain)
{
	uint32_t bit = domain_hash(domain, 0) % FILTER_BITS;
	return atomic_load_explicit(&stories->filter[bit / 64], memory_order_relaxed) >> (bit % 64) & 1;
}

/* Call it when signs have come or gone. A front end that does not see the change yet acts as it did a moment before. */
static void filter_make(struct stories *stories) REQUIRES(stories->lock)
{
	uint64_t filter[FILTER_BITS / 64] = {0};
	unsigned open = 0;
	for (size_t i = 0; i < STORIES_OPEN_MAX; i++) {
		const struct open_sign *sign = &stories->sign[i];
		if (sign->id == 0)
			continue;
		uint32_t bit = domain_hash(sign->event.domain, 0) % FILTER_BITS;
		filter[bit / 64] |= UINT64_C(1) << (bit % 64);
		open++;
	}
	for (size_t i = 0; i < FILTER_BITS / 64; i++)
		atomic_store_explicit(&stories->filter[i], filter[i], memory_order_relaxed);
	atomic_store_explicit(&stories->open, open, memory_order_relaxed);
}

static struct open_sign *sign_find(struct stories *stories, enum event_kind kind, const char *domain)
	REQUIRES(stories->lock)
{
	for (size_t i = 0; i < STORIES_OPEN_MAX; i++) {
		struct open_sign *sign = &stories->sign[i];
		if (sign->id != 0 && sign->event.kind == kind && strcmp(sign->event.domain, domain) == 0)
			return sign;
	}
	return NULL;
}

static void sign_close(struct stories *stories, struct open_sign *sign) REQUIRES(stories->lock)
{
	free(sign->lines);
	memset(sign, 0, sizeof *sign);
	filter_make(stories);
}

/* Begins to follow a sign, in an unused slot or in place of the sign that was seen longest ago. */
static struct open_sign *sign_open(struct stories *stories, const struct event_record *event) REQUIRES(stories->lock)
{
	struct open_sign *sign = &stories->sign[0];
	for (size_t i = 1; i < STORIES_OPEN_MAX && sign->id != 0; i++) {
		struct open_sign *other = &stories->sign[i];
		if (other->id == 0 || other->event.last_at < sign->event.last_at)
			sign = other;
	}
	free(sign->lines);
	*sign = (struct open_sign){.id = ++stories->last_id, .event = *event};
	story_add_host(sign->hosts, event->host, event->port);
	filter_make(stories);
	return sign;
}

static void line_add(struct open_sign *sign, int64_t at, const char *text)
{
	if (!sign->lines)
		sign->lines = xcalloc(1, sizeof *sign->lines);
	story_add_line(sign->lines, at, text);
}

/* Mail may have been missed before now: the sign is older than this use of its slot. */
static void gap_add(struct open_sign *sign)
{
	sign->gaps = 1;
	line_add(sign, clock_wall_s(), "stsgated counts mail from now on; some earlier mail was not counted");
}

/* Called for each event: when it has been noted, and when it has been written. */
static void on_event(void *arg, const struct event_record *event, bool written)
{
	struct stories *stories = arg;
	if (!event_is_sign(event->kind) || event->over_at != 0)
		return;
	lock_take(&stories->lock);
	struct open_sign *sign = sign_find(stories, event->kind, event->domain);
	if (!sign && !written) {
		sign_open(stories, event);
	} else if (sign && written) {
		if (event->first_at < sign->event.first_at) /* another sign had taken its slot */
			gap_add(sign);
		sign->event.number = event->number;
		sign->event.first_at = event->first_at;
		sign->event.severity = event->severity;
	} else if (sign) {
		sign->ends = false;
		sign->event.last_at = event->last_at;
		memcpy(sign->event.host, event->host, sizeof sign->event.host);
		sign->event.port = event->port;
		story_add_host(sign->hosts, event->host, event->port);
	}
	lock_drop(&stories->lock);
}

struct stories *stories_new(struct store *store, struct events *events)
{
	struct stories *stories = xcalloc(1, sizeof *stories);
	stories->store = store;
	stories->events = events;
	stories->number = NUMBER_UNKNOWN;
	lock_init(&stories->lock);
	events_listen(events, on_event, stories);
	return stories;
}

void stories_free(struct stories **slot)
{
	struct stories *stories = *slot;
	if (!stories)
		return;
	for (size_t i = 0; i < STORIES_OPEN_MAX; i++)
		free(stories->sign[i].lines);
	lock_destroy(&stories->lock);
	free(stories);
	*slot = NULL;
}

/* --- verdicts ----------------------------------------------------------------------------------------------------- */

/* Adds a line if the front end's verdict differs from its last one. */
static void verdict_tell(struct open_sign *sign, const struct verdict_seen *seen)
{
	const struct verdict *verdict = seen->verdict;
	char line[STORY_LINE_SIZE];
	bool same = sign->told[seen->door].known && sign->told[seen->door].kind == verdict->kind &&
		    sign->told[seen->door].reason == verdict->reason && sign->told[seen->door].deed == seen->deed;
	if (same)
		return;
	sign->told[seen->door].known = true;
	sign->told[seen->door].kind = verdict->kind;
	sign->told[seen->door].reason = verdict->reason;
	sign->told[seen->door].deed = seen->deed;
	snprintf(line, sizeof line, "%s: verdict %s, reason %s, action %s", verdict_door_name(seen->door),
		verdict_name(verdict->kind), reason_name(verdict->reason), seen->action);
	line_add(sign, clock_wall_s(), line);
}

bool stories_are_open(struct stories *stories)
{
	return atomic_load_explicit(&stories->open, memory_order_relaxed) > 0;
}

void stories_note_verdict(struct stories *stories, const struct verdict_seen *seen)
{
	const char *domain = seen->verdict->domain;
	if (!stories_are_open(stories) || !*domain || !filter_has(stories, domain))
		return;
	bool left = seen->settings->mta_enforces && !seen->tls_required_no;
	enum story_fate fate = story_fate(seen->door, seen->verdict, seen->deed, seen->bound, left);
	lock_take(&stories->lock);
	for (size_t i = 0; i < STORIES_OPEN_MAX; i++) {
		struct open_sign *sign = &stories->sign[i];
		if (sign->id == 0 || strcmp(sign->event.domain, domain) != 0)
			continue;
		sign->mail[fate] += fate != FATE_LEFT && sign->mail[fate] < UINT32_MAX;
		verdict_tell(sign, seen);
	}
	lock_drop(&stories->lock);
}

void stories_end(struct stories *stories, enum event_kind kind, const char *domain)
{
	lock_take(&stories->lock);
	struct open_sign *sign = sign_find(stories, kind, domain);
	if (sign)
		sign->ends = true;
	lock_drop(&stories->lock);
}

/* --- signs in the store ------------------------------------------------------------------------------------------- */

/* Returns whether the store's sign is followed already, or need not be. Another process may have ended it. */
static bool stored_is_known(struct stories *stories, const struct event_record *event)
{
	bool open = event->over_at == 0 && event->number != 0;
	lock_take(&stories->lock);
	struct open_sign *sign = sign_find(stories, event->kind, event->domain);
	if (!open && sign && sign->event.number == event->number)
		sign_close(stories, sign);
	lock_drop(&stories->lock);
	return !open || sign || atomic_load(&stories->open) == STORIES_OPEN_MAX;
}

/* Begins to follow a sign that the store has. `story` has room for its story. */
static void stored_take(struct stories *stories, const struct event_record *event, struct story *story)
{
	if (stored_is_known(stories, event))
		return;
	store_story(stories->store, event->number, story, NULL);
	lock_take(&stories->lock);
	if (!sign_find(stories, event->kind, event->domain)) {
		struct open_sign *sign = sign_open(stories, event);
		if (*story->hosts)
			memcpy(sign->hosts, story->hosts, sizeof sign->hosts);
		if (stories->number == NUMBER_UNKNOWN || clock_wall_s() - event->first_at > FOLLOWED_S)
			gap_add(sign);
	}
	lock_drop(&stories->lock);
}

/* Reads the open signs from the store if there are events that were not read yet. */
static void stored_read(struct stories *stories)
{
	uint32_t number;
	size_t count;
	if (!store_event_number(stories->store, &number, NULL) || number == stories->number)
		return;
	struct event_record *events = store_events(stories->store, &count, NULL);
	struct story *story = xmalloc(sizeof *story);
	/* The newest first: if there are too many, the older ones find no room. */
	for (size_t i = events ? count : 0; i-- > 0;)
		if (event_is_sign(events[i].kind))
			stored_take(stories, &events[i], story);
	if (events)
		stories->number = number;
	free(story);
	free(events);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Returns whether each mail host that showed the sign is good again. */
static bool hosts_are_good(struct store_view *view, const struct open_sign *sign)
{
	const char *rest = sign->hosts;
	char host[DOMAIN_SIZE];
	uint16_t port;
	unsigned good = 0;
	struct hop_record record;
	while (story_next_host(&rest, host, &port)) {
		bool newest = strcmp(host, sign->event.host) == 0 && port == sign->event.port;
		if (store_view_hop(view, host, port, &record) != STORE_FOUND ||
			!sign_over_hop(&record, newest ? sign->event.last_at : sign->event.first_at))
			return false;
		good++;
	}
	return good > 0;
}

/* Returns whether no mail host that showed the sign has rewritten replies any more. A probe of a host behind the device that
 * rewrites them may be good, so the look is needed, too. */
static bool replies_are_whole(struct store *store, const struct open_sign *sign)
{
	const char *rest = sign->hosts;
	char host[DOMAIN_SIZE];
	uint16_t port;
	bool whole = true;
	struct look *look = xmalloc(sizeof *look);
	while (whole && story_next_host(&rest, host, &port))
		whole = store_look_of(store, host, port, look) == STORE_FOUND && !look->rewritten &&
			look->at > sign->event.first_at;
	free(look);
	return whole;
}

/* Returns whether what the store knows shows that the sign is over. */
static bool is_over(struct store *store, const struct open_sign *sign)
{
	enum over_by by = sign_over_by(sign->event.kind);
	struct store_view *view = by == OVER_BY_TIME ? NULL : store_view_begin(store, NULL);
	struct entry entry;
	bool over = false;
	if (view && by == OVER_BY_HOP) {
		over = hosts_are_good(view, sign);
	} else if (view) {
		over = store_view_entry(view, sign->event.domain, &entry) == STORE_FOUND &&
		       sign_over_domain(&sign->event, &entry);
		entry_free(&entry);
	}
	store_view_end(&view);
	return over && (sign->event.kind != EVENT_SMTP_REWRITTEN || replies_are_whole(store, sign));
}

/* What is written of one sign. */
struct update {
	struct open_sign sign; /* a copy; owns the lines */
	struct story *later;   /* what is added to the story */
	int64_t over_at;       /* 0: it is not over */
	unsigned quiet_days;
	char words[EVENT_DETAIL_SIZE]; /* of the end; "": it had ended before */
	struct event_record event;     /* as it is in the store then */
};

static void story_update(struct story *story, void *arg)
{
	struct update *update = arg;
	struct text text;
	text_init(&text, update->words, sizeof update->words);
	story_merge(story, update->later);
	update->event = story->event;
	if (update->over_at == 0 || story->event.over_at != 0)
		return;
	story->event.over_at = update->event.over_at = update->over_at;
	story_over_text(&text, story, update->over_at - story->event.first_at, update->quiet_days);
	story_add_line(&story->lines, update->over_at, update->words);
}

/* Takes what is to be written out of the slot. Returns false if there is nothing. */
static bool update_take(struct stories *stories, size_t at, struct update *update)
{
	struct open_sign *sign = &stories->sign[at];
	lock_take(&stories->lock);
	update->sign = *sign;
	sign->lines = NULL;
	memset(sign->mail, 0, sizeof sign->mail);
	sign->gaps = 0;
	lock_drop(&stories->lock);
	if (update->sign.id == 0)
		return false;
	int64_t now = clock_wall_s();
	unsigned days = sign_over_days(&update->sign.event);
	bool quiet = now - update->sign.event.last_at >= (int64_t)days * DAY_S;
	bool over = update->sign.ends || is_over(stories->store, &update->sign);
	update->over_at = over || quiet ? now : 0;
	update->quiet_days = over ? 0 : days;
	bool counted = false;
	for (size_t i = 0; i < STORY_FATES; i++)
		counted |= update->sign.mail[i] > 0;
	return update->over_at != 0 || counted || update->sign.lines;
}

/* Gives back what was not written. */
static void update_return(struct stories *stories, size_t at, struct update *update)
{
	struct open_sign *sign = &stories->sign[at];
	struct story_lines *before = update->sign.lines;
	lock_take(&stories->lock);
	if (sign->id == update->sign.id && sign->id != 0) {
		for (size_t i = 0; i < STORY_FATES; i++)
			sign->mail[i] += update->sign.mail[i];
		sign->gaps += update->sign.gaps;
		for (uint32_t i = 0; before && sign->lines && i < sign->lines->count; i++)
			story_add_line(before, sign->lines->line[i].at, sign->lines->line[i].text);
		if (before) {
			free(sign->lines);
			sign->lines = before;
			update->sign.lines = NULL;
		}
	}
	lock_drop(&stories->lock);
	free(update->sign.lines);
	update->sign.lines = NULL;
}

static bool update_write(struct stories *stories, struct update *update)
{
	struct story *later = xcalloc(1, sizeof *later);
	memcpy(later->hosts, update->sign.hosts, sizeof later->hosts);
	memcpy(later->mail, update->sign.mail, sizeof later->mail);
	later->gaps = update->sign.gaps;
	if (update->sign.lines)
		later->lines = *update->sign.lines;
	update->later = later;
	bool written = store_change_story(stories->store, &update->sign.event, story_update, update, NULL);
	free(later);
	return written;
}

/* Stops following a sign that is over, unless it was seen again meanwhile: then the next one begins here. Returns whether it
 * was the last one of its domain. */
static bool over_close(struct stories *stories, size_t at, const struct update *update)
{
	struct open_sign *sign = &stories->sign[at];
	bool last = true;
	lock_take(&stories->lock);
	if (sign->id == update->sign.id && sign->event.last_at == update->sign.event.last_at) {
		sign_close(stories, sign);
	} else if (sign->id == update->sign.id) {
		sign->event.number = 0;
		sign->event.first_at = sign->event.last_at;
		sign->ends = false;
	}
	for (size_t i = 0; i < STORIES_OPEN_MAX; i++)
		last &= stories->sign[i].id == 0 ||
			strcmp(stories->sign[i].event.domain, update->sign.event.domain) != 0;
	lock_drop(&stories->lock);
	return last;
}

static void over_note(struct stories *stories, const struct update *update)
{
	const struct event_record *event = &update->sign.event;
	char detail[EVENT_DETAIL_SIZE + 64];
	struct event_record over;
	snprintf(detail, sizeof detail, "%s (event %" PRIu32 "): %s", event_name(event->kind), event->number,
		update->words);
	event_record_init(&over, EVENT_SIGNS_OVER, event->domain, detail, clock_wall_s());
	memcpy(over.host, event->host, sizeof over.host);
	over.port = event->port;
	events_note_sign(stories->events, &over, NULL);
}

/* Tells the listeners that a sign is over, and notes the end of all signs of its domain. A part of another event has no
 * such event, because one interception of many mail hosts would have many. */
static void over_end(struct stories *stories, size_t at, const struct update *update)
{
	struct event_record event = update->event;
	bool last = over_close(stories, at, update);
	if (!*update->words)
		return;
	snprintf(event.detail, sizeof event.detail, "%s", update->words);
	events_changed(stories->events, &event);
	if (last && event.part_of == 0)
		over_note(stories, update);
}

/* Writes one story if it has changed. Returns whether something was written. */
static bool sign_write(struct stories *stories, size_t at)
{
	struct update *update = xcalloc(1, sizeof *update);
	bool changed = update_take(stories, at, update);
	/* Without a number the store does not know the sign yet. */
	bool written = changed && update->sign.event.number != 0 && update_write(stories, update);
	if (!written)
		update_return(stories, at, update);
	else if (update->over_at != 0)
		over_end(stories, at, update);
	free(update->sign.lines);
	free(update);
	return written;
}

void stories_write(struct stories *stories, bool all)
{
	unsigned written = 0;
	stored_read(stories);
	if (!stories_are_open(stories))
		return;
	for (size_t i = 0; i < STORIES_OPEN_MAX && (all || written < STORIES_A_ROUND); i++) {
		stories->at = (stories->at + 1) % STORIES_OPEN_MAX;
		written += sign_write(stories, stories->at);
	}
}
