#include "fleet_keeper.h"

#include "clock.h"
#include "fleet_call.h"
#include "fleet_decisions.h"
#include "fleet_value.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "override_text.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define SCAN_COUNT "128"    /* fields that the server is asked for at a time */
#define SCAN_ROUNDS_MAX 256 /* a hash that needs more is not read to its end */
/* Memory that the hash takes; more are not decisions. */
#define HASH_OCTETS_MAX (4 * (int64_t)DECISIONS_MAX * DECISION_MESSAGE_MAX)
#define PUSHES_MAX 64 /* decisions that are written before messages are looked at again */
#define FRESH_S 300   /* a forget that is older no longer removes the value of the entry from the shared store */
#define HOUR_MS 3600000

/* A message of the channel that waits. */
struct heard {
	struct heard *next;
	size_t len;
	char bytes[];
};

/* A decision in this relay's store. */
struct known {
	struct decision_record decision;
	bool shared; /* the shared store has it, as far as this relay knows */
};

struct fleet_keeper {
	const struct fleet_base *base;
	keeper_changed *changed;
	void *arg;
	char place[FLEET_PLACE_SIZE];
	pthread_t thread;
	bool started;
	/* Only the thread uses these members. */
	struct known *known; /* sorted by what they are about and by domain, as the store sorts them */
	size_t known_count;
	uint32_t number;    /* of the store's decisions, when `known` was read */
	bool known_is_new;  /* `known` was never read */
	bool level;         /* the last look at the hash went well, and no command has failed since */
	int64_t poll_ms;    /* monotonic: when the hash is looked at next */
	int64_t tidy_ms;    /* when old decisions are removed next */
	int64_t refused_ms; /* when a refusal of the server was last logged; 0: never */
	int64_t crowd_ms;   /* the same for a hash that is too large */
	int64_t level_at;   /* wall-clock seconds: when the whole hash was last read */
	struct keeper_state told;

	struct lock lock;
	struct signal_cond wake;
	bool stop GUARDED_BY(lock);
	struct heard *heard GUARDED_BY(lock), **heard_last GUARDED_BY(lock);
	size_t heard_count GUARDED_BY(lock);
};

/* --- what this relay knows ---------------------------------------------------------------------------------------- */

static int known_compare(const void *a, const void *b)
{
	const struct decision_record *left = &((const struct known *)a)->decision;
	const struct decision_record *right = &((const struct known *)b)->decision;
	int order = (left->about > right->about) - (left->about < right->about);
	return order != 0 ? order : strcmp(left->domain, right->domain);
}

static struct known *known_find(struct fleet_keeper *keeper, const struct decision_record *decision)
{
	const struct known like = {.decision = *decision};
	if (keeper->known_count == 0)
		return NULL;
	return bsearch(&like, keeper->known, keeper->known_count, sizeof like, known_compare);
}

/* Reads the decisions of the store. Those that were shared before stay so. */
static void known_read(struct fleet_keeper *keeper, uint32_t number)
{
	size_t count = 0;
	struct decision_record *rows = store_decisions(keeper->base->store, &count, NULL);
	if (!rows)
		return;
	struct known *known = xcalloc(count + 1, sizeof *known);
	for (size_t i = 0; i < count; i++) {
		const struct known *before = known_find(keeper, &rows[i]);
		known[i].decision = rows[i];
		known[i].shared = before && before->shared && decision_is_same(&before->decision, &rows[i]);
	}
	qsort(known, count, sizeof *known, known_compare);
	free(rows);
	free(keeper->known);
	keeper->known = known;
	keeper->known_count = count;
	keeper->number = number;
	keeper->known_is_new = false;
}

/* Looks whether a decision was written since the last look, by the tool or by this thread. */
static void known_look(struct fleet_keeper *keeper)
{
	uint32_t number;
	if (store_decisions_number(keeper->base->store, &number, NULL) &&
		(keeper->known_is_new || number != keeper->number))
		known_read(keeper, number);
}

/* --- what others have decided ------------------------------------------------------------------------------------- */

/* Appends `alice on relay1`. */
static void maker_add(struct text *out, const struct decision_record *decision)
{
	text_quote(out, decision->author, strlen(decision->author), OVERRIDE_AUTHOR_SIZE + 2);
	text_add(out, " on ");
	text_add(out, decision->node);
}

/* Begins a line of the log, or the detail of an event, where the domain is told already. */
static void line_begin(struct text *out, char words[EVENT_DETAIL_SIZE], const struct decision_record *decision)
{
	text_init(out, words, EVENT_DETAIL_SIZE);
	if (!decision || strcmp(decision->domain, OVERRIDE_ALL) == 0)
		return;
	text_add(out, "domain=");
	text_add(out, decision->domain);
	text_add(out, " ");
}

/* Logs what another relay's decision has changed here. */
static void taken_log(const struct decision_record *decision, const struct store_decided *decided)
{
	char words[EVENT_DETAIL_SIZE];
	struct text text;
	line_begin(&text, words, decision);
	if (decision->about == DECISION_FORGET && decided->forgotten) {
		text_add(&text, "forgotten, as decided by ");
		maker_add(&text, decision);
		log_info("%s", words);
	} else if (decision->override.kind != OVERRIDE_NONE) {
		text_add(&text, "an override of another relay: ");
		override_describe(&text, &decision->override);
		log_warning("%s", words);
	} else if (decided->replaced.kind != OVERRIDE_NONE) {
		text_add(&text, "an override was cleared by ");
		maker_add(&text, decision);
		text_add(&text, ": ");
		override_describe(&text, &decided->replaced);
		log_warning("%s", words);
	}
}

/* Reports a decision of this farm that is lost because somebody else decided later, without knowing of it. The event is noted on
 * the relay where the lost one was made; the others log it. */
static void conflict_report(
	const struct fleet_keeper *keeper, const struct decision_record *later, const struct decision_record *lost)
{
	char words[EVENT_DETAIL_SIZE];
	struct text text;
	bool all = strcmp(later->domain, OVERRIDE_ALL) == 0, mine = strcmp(lost->node, keeper->base->node) == 0;
	line_begin(&text, words, mine ? NULL : later);
	maker_add(&text, later);
	text_add(&text, later->override.kind == OVERRIDE_NONE ? " has cleared" : " has set");
	text_add(&text, " an override and did not know that ");
	maker_add(&text, lost);
	text_add(&text, lost->override.kind == OVERRIDE_NONE ? " had cleared it" : " had set another: ");
	if (lost->override.kind != OVERRIDE_NONE)
		override_describe(&text, &lost->override);
	if (mine)
		check_event(keeper->base->check, EVENT_OVERRIDE_CONFLICT, all ? "" : later->domain, words);
	else
		log_warning("%s", words);
}

/* Puts a decision that the store has now into `known`, as one that is shared. */
static void known_put(struct fleet_keeper *keeper, const struct decision_record *decision)
{
	struct known *row = known_find(keeper, decision);
	if (!row) {
		keeper->known = xrealloc(keeper->known, (keeper->known_count + 1) * sizeof *row);
		keeper->known[keeper->known_count++] = (struct known){.decision = *decision};
		qsort(keeper->known, keeper->known_count, sizeof *row, known_compare);
		row = known_find(keeper, decision);
	}
	row->decision = *decision;
	row->shared = true;
}

/* Takes in a decision of another relay, if it is later than what this relay knows. STORE_NO_ROOM: it is older than all that a full
 * store keeps, which is so on every relay; a store that fails is this relay's own trouble. */
static enum store_taken decision_take(struct fleet_keeper *keeper, const struct decision_record *decision)
{
	struct known *row = known_find(keeper, decision);
	struct store_decided decided;
	if (row && decision_is_same(decision, &row->decision)) {
		row->shared = true;
		return STORE_KNOWN;
	}
	if (!store_take_decision(keeper->base->store, decision, &decided, NULL))
		return STORE_KNOWN; /* the store reports its own trouble; the next look at the hash brings it again */
	if (decided.taken != STORE_TAKEN)
		return decided.taken;
	taken_log(decision, &decided);
	if (decided.known.domain[0] && decision_conflicts(decision, &decided.known))
		conflict_report(keeper, decision, &decided.known);
	known_put(keeper, decision);
	if (keeper->known_count > 2 * DECISIONS_MAX) /* others have left the store to make room */
		known_look(keeper);
	return STORE_TAKEN;
}

/* Opens a field of the hash or of a message, and takes the decision in. Returns whether nobody needs the field any more. */
static bool field_take(struct fleet_keeper *keeper, struct span field, struct span value)
{
	struct decision_record decision;
	int64_t now = clock_wall_s();
	enum fleet_ignored ignored = decision_open(keeper->base, field, value, now, &decision);
	if (ignored == FLEET_TAKEN && decision_is_over(&decision, now))
		return true;
	enum store_taken taken = ignored == FLEET_TAKEN ? decision_take(keeper, &decision) : STORE_KNOWN;
	if (taken == STORE_EARLIER)
		fleet_ignore(FLEET_REPLAYED);
	return taken == STORE_NO_ROOM && decision.about == DECISION_FORGET;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static bool is_stopping(struct fleet_keeper *keeper)
{
	lock_take(&keeper->lock);
	bool stop = keeper->stop;
	lock_drop(&keeper->lock);
	return stop;
}

/* Called on the loop. */
static void on_heard(void *arg, const char *bytes, size_t len)
{
	struct fleet_keeper *keeper = arg;
	struct heard *heard = len <= DECISION_MESSAGE_MAX ? xmalloc(sizeof *heard + len) : NULL;
	if (!heard) {
		fleet_ignore(FLEET_OVERSIZED);
		return;
	}
	heard->next = NULL;
	heard->len = len;
	memcpy(heard->bytes, bytes, len);
	lock_take(&keeper->lock);
	bool has_room = keeper->heard_count < KEEPER_HEARD_MAX;
	if (has_room) {
		*keeper->heard_last = heard;
		keeper->heard_last = &heard->next;
		keeper->heard_count++;
		cond_wake_one(&keeper->wake);
	}
	lock_drop(&keeper->lock);
	if (!has_room)
		free(heard);
}

static struct heard *heard_take_all(struct fleet_keeper *keeper)
{
	lock_take(&keeper->lock);
	struct heard *first = keeper->heard;
	keeper->heard = NULL;
	keeper->heard_last = &keeper->heard;
	keeper->heard_count = 0;
	lock_drop(&keeper->lock);
	return first;
}

static void message_take(struct fleet_keeper *keeper, const struct heard *heard)
{
	struct span field, value;
	if (decision_message_split((struct span){heard->bytes, heard->len}, &field, &value))
		field_take(keeper, field, value);
	else
		fleet_ignore(FLEET_UNSIGNED);
}

/* Each decision that is taken in may wait for the disk, and a stop does not wait for all of them. */
static void messages_take(struct fleet_keeper *keeper)
{
	struct heard *heard = heard_take_all(keeper);
	while (heard) {
		struct heard *next = heard->next;
		if (!is_stopping(keeper))
			message_take(keeper, heard);
		free(heard);
		heard = next;
	}
}

/* --- the shared store --------------------------------------------------------------------------------------------- */

/* Returns whether an hour has passed since the last line of a kind, and notes that one is written now. */
static bool line_is_due(int64_t *last_ms)
{
	int64_t now_ms = clock_mono_ms();
	if (*last_ms != 0 && now_ms - *last_ms < HOUR_MS)
		return false;
	*last_ms = now_ms;
	return true;
}

/* The shared store does not do its part: nothing is written before it has been read again. */
static void level_lose(struct fleet_keeper *keeper, const struct link_reply *reply)
{
	bool refused = reply->kind == LINK_REFUSED;
	keeper->level = false;
	keeper->poll_ms = clock_mono_ms() + (refused ? KEEPER_POLL_MS : KEEPER_AGAIN_MS);
	if (!refused || !line_is_due(&keeper->refused_ms))
		return;
	char words[256];
	struct text text;
	text_init(&text, words, sizeof words);
	text_quote(&text, reply->bytes, reply->len, sizeof words);
	log_warning("the shared store refuses decisions: %s; other relays do not learn of overrides that are set here",
		words);
}

/* Sends a command. Returns NULL, and loses the level, if the answer is of another kind. */
static struct link_reply *command(struct fleet_keeper *keeper, enum link_reply_kind kind, size_t count,
	const char *const *word, const size_t *len)
{
	const struct fleet_base *base = keeper->base;
	struct link_reply *reply = fleet_call(base->loop, base->link, KEEPER_DEADLINE_MS, count, word, len);
	if (reply->kind == kind)
		return reply;
	level_lose(keeper, reply);
	fleet_call_free(&reply);
	return NULL;
}

static bool push(struct fleet_keeper *keeper, const struct decision_record *decision)
{
	char field[DECISION_FIELD_SIZE];
	size_t sealed_len, message_len;
	int64_t now = clock_wall_s();
	decision_field(field, decision);
	char *sealed = decision_seal(keeper->base, decision, now, &sealed_len);
	char *message = decision_message(field, sealed, sealed_len, &message_len);
	const char *const set[] = {"HSET", keeper->place, field, sealed};
	const size_t set_len[] = {4, strlen(keeper->place), strlen(field), sealed_len};
	const char *const tell[] = {"PUBLISH", keeper->place, message};
	const size_t tell_len[] = {7, strlen(keeper->place), message_len};
	struct link_reply *reply = command(keeper, LINK_NUMBER, 4, set, set_len);
	bool written = reply != NULL;
	fleet_call_free(&reply);
	reply = written ? command(keeper, LINK_NUMBER, 3, tell, tell_len) : NULL;
	fleet_call_free(&reply);
	if (written && decision->about == DECISION_FORGET && now - decision->made_ms / 1000 < FRESH_S) {
		char entry[FLEET_PLACE_SIZE];
		snprintf(entry, sizeof entry, "%s:entry:%s", keeper->base->prefix, decision->domain);
		const char *const del[] = {"DEL", entry};
		reply = command(keeper, LINK_NUMBER, 2, del, NULL);
		fleet_call_free(&reply);
	}
	free(message);
	free(sealed);
	return written;
}

/* Writes what the shared store does not have. */
static void news_push(struct fleet_keeper *keeper)
{
	int64_t now = clock_wall_s();
	unsigned pushes = 0;
	for (size_t i = 0; i < keeper->known_count && pushes < PUSHES_MAX && keeper->level; i++) {
		struct known *row = &keeper->known[i];
		if (row->shared || decision_is_ahead(&row->decision, now) || decision_is_over(&row->decision, now))
			continue;
		if (is_stopping(keeper))
			return;
		row->shared = push(keeper, &row->decision);
		pushes++;
	}
}

/* Takes in one part of the hash, and sets `cursor` for the next part. Returns false if it is no such part. */
static bool part_take(struct fleet_keeper *keeper, const struct link_reply *reply, char cursor[24])
{
	if (reply->count != 2)
		return false;
	const struct link_reply *next = &reply->item[0], *list = &reply->item[1];
	if (next->kind != LINK_BYTES || next->len == 0 || next->len >= 24 || list->kind != LINK_LIST ||
		list->count % 2 != 0)
		return false;
	memcpy(cursor, next->bytes, next->len);
	cursor[next->len] = '\0';
	for (size_t i = 0; i < list->count && !is_stopping(keeper); i += 2) {
		const struct link_reply *name = &list->item[i], *value = &list->item[i + 1];
		if (name->kind != LINK_BYTES || value->kind != LINK_BYTES) {
			fleet_ignore(FLEET_OVERSIZED);
			continue;
		}
		if (!field_take(keeper, (struct span){name->bytes, name->len}, (struct span){value->bytes, value->len}))
			continue;
		const char *const del[] = {"HDEL", keeper->place, name->bytes};
		const size_t del_len[] = {4, strlen(keeper->place), name->len};
		struct link_reply *deleted = command(keeper, LINK_NUMBER, 3, del, del_len);
		fleet_call_free(&deleted);
	}
	return true;
}

static bool hash_is_large(struct fleet_keeper *keeper)
{
	const struct fleet_base *base = keeper->base;
	struct link_reply *reply = fleet_call(
		base->loop, base->link, KEEPER_DEADLINE_MS, FLEET_USAGE_WORDS, FLEET_USAGE(keeper->place), NULL);
	bool is_large = fleet_usage_is_large(reply, HASH_OCTETS_MAX);
	fleet_call_free(&reply);
	return is_large;
}

/* Somebody has filled the hash, so that nobody can read it. What is decided here still reaches the others by the channel, and what is
 * written into the hash meanwhile does no harm: as soon as it can be read again, a later decision replaces an earlier one. */
static void crowd_bear(struct fleet_keeper *keeper)
{
	keeper->level = true;
	if (line_is_due(&keeper->crowd_ms))
		log_warning(
			"the hash %s of the shared store is too large to be decisions and is not read as a whole, so this "
			"relay learns only of decisions that are made while it runs: delete the hash, and the relays "
			"write it again",
			keeper->place);
}

/* Reads the whole hash. Afterwards `shared` says which decisions the hash has. */
static void poll_hash(struct fleet_keeper *keeper)
{
	char cursor[24] = "0";
	bool goes_on = true, whole = false;
	keeper->level = false;
	if (hash_is_large(keeper)) {
		keeper->poll_ms = clock_mono_ms() + KEEPER_POLL_MS;
		crowd_bear(keeper);
		return;
	}
	for (size_t i = 0; i < keeper->known_count; i++)
		keeper->known[i].shared = false;
	for (int round = 0; goes_on && !whole && round < SCAN_ROUNDS_MAX && !is_stopping(keeper); round++) {
		const char *const scan[] = {"HSCAN", keeper->place, cursor, "COUNT", SCAN_COUNT};
		struct link_reply *reply = command(keeper, LINK_LIST, 5, scan, NULL);
		goes_on = reply && part_take(keeper, reply, cursor);
		whole = goes_on && strcmp(cursor, "0") == 0;
		fleet_call_free(&reply);
	}
	whole = whole && !is_stopping(keeper);
	keeper->level = whole;
	if (whole || goes_on)
		keeper->poll_ms = clock_mono_ms() + KEEPER_POLL_MS;
	else if (keeper->poll_ms <= clock_mono_ms())
		keeper->poll_ms = clock_mono_ms() + KEEPER_AGAIN_MS;
	if (whole)
		keeper->level_at = clock_wall_s();
	else if (goes_on && !is_stopping(keeper))
		crowd_bear(keeper);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static void state_tell(struct fleet_keeper *keeper)
{
	struct keeper_state state = {.decisions = keeper->known_count, .level_at = keeper->level_at};
	for (size_t i = 0; i < keeper->known_count; i++) {
		const struct known *row = &keeper->known[i];
		state.waiting += !row->shared;
		if (row->decision.made_ms > state.newest_ms)
			state.newest_ms = row->decision.made_ms;
	}
	if (memcmp(&state, &keeper->told, sizeof state) == 0)
		return;
	keeper->told = state;
	keeper->changed(keeper->arg, &state);
}

/* Waits for a message, or for the next look. Returns false if the thread must stop. */
static bool keeper_rest(struct fleet_keeper *keeper)
{
	int64_t until_ms = clock_mono_ms() + KEEPER_LOOK_MS;
	lock_take(&keeper->lock);
	while (!keeper->stop && !keeper->heard && cond_wait_until(&keeper->wake, &keeper->lock, until_ms))
		continue;
	bool stop = keeper->stop;
	lock_drop(&keeper->lock);
	return !stop;
}

static void *keeper_main(void *arg)
{
	struct fleet_keeper *keeper = arg;
	while (keeper_rest(keeper)) {
		known_look(keeper);
		messages_take(keeper);
		if (clock_mono_ms() >= keeper->poll_ms)
			poll_hash(keeper);
		news_push(keeper);
		if (clock_mono_ms() >= keeper->tidy_ms) {
			store_forget_decisions(keeper->base->store, clock_wall_s(), NULL);
			keeper->tidy_ms = clock_mono_ms() + HOUR_MS;
		}
		state_tell(keeper);
	}
	return NULL;
}

struct fleet_keeper *keeper_new(const struct fleet_base *base, keeper_changed *changed, void *arg)
{
	struct fleet_keeper *keeper = xcalloc(1, sizeof *keeper);
	keeper->base = base;
	keeper->changed = changed;
	keeper->arg = arg;
	keeper->known_is_new = true;
	keeper->heard_last = &keeper->heard;
	decisions_place(keeper->place, base);
	lock_init(&keeper->lock);
	cond_init(&keeper->wake);
	link_listen(base->link, keeper->place, on_heard, keeper);
	return keeper;
}

bool keeper_start(struct fleet_keeper *keeper, struct failure *why)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&keeper->thread, NULL, keeper_main, keeper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	keeper->started = err == 0;
	return keeper->started || failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
}

void keeper_stop(struct fleet_keeper *keeper)
{
	if (!keeper || !keeper->started)
		return;
	lock_take(&keeper->lock);
	keeper->stop = true;
	cond_wake_all(&keeper->wake);
	lock_drop(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	keeper->started = false;
}

void keeper_free(struct fleet_keeper **slot)
{
	struct fleet_keeper *keeper = *slot;
	if (!keeper)
		return;
	for (struct heard *heard = heard_take_all(keeper), *next; heard; heard = next) {
		next = heard->next;
		free(heard);
	}
	cond_destroy(&keeper->wake);
	lock_destroy(&keeper->lock);
	free(keeper->known);
	free(keeper);
	*slot = NULL;
}
