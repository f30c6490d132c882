/* The keeper: what is decided on one relay applies on the others. Relays with stores of their own share a server that is written
 * here, behind the interface of the link. */
#include "cm.h"

#include "clock.h"
#include "event_record.h"
#include "fake_log.h"
#include "fleet_decisions.h"
#include "fleet_keeper.h"
#include "lock.h"
#include "memory.h"
#include "room.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELAYS 3
#define FIELDS_MAX 2048
#define PATIENCE_MS 60000
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define OTHER_KEY "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define HOUR 3600

/* --- the server --------------------------------------------------------------------------------------------------- */

struct link {
	struct loop *loop;
	bool down; /* cut off from the server */
	link_heard *heard;
	void *arg;
};

static struct {
	struct lock lock;
	struct {
		char *name, *value;
		size_t len;
	} field[FIELDS_MAX];
	size_t count;
	int64_t octets;      /* of memory that the hash takes, as the server says */
	const char *refusal; /* the answer to each command */
	unsigned scans, sets, deleted;
	char last_deleted[FLEET_PLACE_SIZE];
} server;

static struct relay {
	struct store *store;
	struct loop *loop;
	struct link link;
	struct fleet_base base;
	struct fleet_keeper *keeper;
	struct keeper_state state; /* guarded by the server's lock */
	char name[16], directory[320];
} relays[RELAYS];

struct delivery {
	struct loop_task task;
	struct link *link;
	size_t len;
	char bytes[];
};

static void delivery_run(struct loop_task *task)
{
	struct delivery *delivery = (struct delivery *)task;
	lock_take(&server.lock);
	link_heard *heard = delivery->link->heard;
	void *arg = delivery->link->arg;
	lock_drop(&server.lock);
	if (heard) /* the relay does not stop */
		heard(arg, delivery->bytes, delivery->len);
	free(delivery);
}

static void publish(const char *bytes, size_t len)
{
	for (size_t i = 0; i < RELAYS; i++) {
		struct link *link = &relays[i].link;
		if (!link->heard || link->down)
			continue;
		struct delivery *delivery = xmalloc(sizeof *delivery + len);
		*delivery = (struct delivery){.task = {.run = delivery_run}, .link = link, .len = len};
		memcpy(delivery->bytes, bytes, len);
		loop_post(link->loop, &delivery->task);
	}
}

static size_t field_find(const char *name)
{
	size_t i = 0;
	while (i < server.count && strcmp(server.field[i].name, name) != 0)
		i++;
	return i;
}

static void field_set(const char *name, const char *value, size_t len)
{
	size_t i = field_find(name);
	assert_true(i < FIELDS_MAX);
	if (i == server.count) {
		server.field[i].name = xstrdup(name);
		server.count++;
	} else {
		free(server.field[i].value);
	}
	server.field[i].value = xmemdup(value, len + 1);
	server.field[i].len = len;
}

static void field_delete(const char *name)
{
	size_t i = field_find(name);
	if (i == server.count)
		return;
	free(server.field[i].name);
	free(server.field[i].value);
	server.field[i] = server.field[--server.count];
}

/* Answers with some fields from the cursor on. */
static void scan_answer(const char *cursor, link_answered *answered, void *arg)
{
	size_t from = (size_t)atoi(cursor), count = server.count - from < 100 ? server.count - from : 100;
	struct link_reply items[200], parts[2];
	char next[24];
	snprintf(next, sizeof next, "%zu", from + count < server.count ? from + count : 0);
	for (size_t i = 0; i < count; i++) {
		items[2 * i] = (struct link_reply){.kind = LINK_BYTES,
			.bytes = server.field[from + i].name,
			.len = strlen(server.field[from + i].name)};
		items[2 * i + 1] = (struct link_reply){
			.kind = LINK_BYTES, .bytes = server.field[from + i].value, .len = server.field[from + i].len};
		if (server.field[from + i].len > LINK_TEXT_MAX) /* as the link drops what is beyond LINK_REPLY_MAX */
			items[2 * i + 1] = (struct link_reply){.kind = LINK_NIL};
	}
	parts[0] = (struct link_reply){.kind = LINK_BYTES, .bytes = next, .len = strlen(next)};
	parts[1] = (struct link_reply){.kind = LINK_LIST, .item = items, .count = 2 * count};
	server.scans++;
	answered(arg, &(struct link_reply){.kind = LINK_LIST, .item = parts, .count = 2});
}

static void command_run(size_t count, const char *const *word, const size_t *len, link_answered *answered, void *arg)
{
	struct link_reply reply = {.kind = LINK_NUMBER, .number = 1};
	if (server.refusal)
		reply = (struct link_reply){
			.kind = LINK_REFUSED, .bytes = server.refusal, .len = strlen(server.refusal)};
	else if (strcmp(word[0], "HSET") == 0 && count == 4) {
		assert_string_equal(word[1], "farm:decisions");
		field_set(word[2], word[3], len[3]);
		server.sets++;
	} else if (strcmp(word[0], "MEMORY") == 0 && count == 5) {
		assert_string_equal(word[2], "farm:decisions");
		reply.number = server.octets;
	} else if (strcmp(word[0], "HDEL") == 0 && count == 3) {
		field_delete(word[2]);
	} else if (strcmp(word[0], "PUBLISH") == 0 && count == 3) {
		publish(word[2], len[2]);
	} else if (strcmp(word[0], "DEL") == 0 && count == 2) {
		snprintf(server.last_deleted, sizeof server.last_deleted, "%s", word[1]);
		server.deleted++;
	} else {
		assert_string_equal(word[0], "HSCAN");
		scan_answer(word[2], answered, arg);
		return;
	}
	answered(arg, &reply);
}

void link_command(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len)
{
	(void)deadline_ms;
	lock_take(&server.lock);
	if (link->down)
		answered(arg, &(struct link_reply){.kind = LINK_NONE});
	else
		command_run(count, word, len, answered, arg);
	lock_drop(&server.lock);
}

void link_listen(struct link *link, const char *channel, link_heard *heard, void *arg)
{
	assert_string_equal(channel, "farm:decisions");
	lock_take(&server.lock);
	link->heard = heard;
	link->arg = arg;
	lock_drop(&server.lock);
}

static void down(size_t relay, bool is_down)
{
	lock_take(&server.lock);
	relays[relay].link.down = is_down;
	lock_drop(&server.lock);
}

/* Whoever can write there writes this. */
static void plant(const char *field, const char *value, size_t len)
{
	lock_take(&server.lock);
	field_set(field, value, len);
	lock_drop(&server.lock);
}

static unsigned deleted(void)
{
	lock_take(&server.lock);
	unsigned count = server.deleted;
	lock_drop(&server.lock);
	return count;
}

static bool has_field(const char *field, char *copy, size_t size)
{
	lock_take(&server.lock);
	size_t i = field_find(field);
	bool found = i < server.count;
	if (found && copy)
		snprintf(copy, size, "%s", server.field[i].value);
	lock_drop(&server.lock);
	return found;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static struct lock events_lock;
static char noted[4096];

void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail)
{
	lock_take(&events_lock);
	size_t used = strlen(noted);
	snprintf(noted + used, sizeof noted - used, "%s %s %s: %s\n", (const char *)check, event_name(kind), domain,
		detail);
	lock_drop(&events_lock);
}

static bool is_noted(const char *words)
{
	lock_take(&events_lock);
	bool found = strstr(noted, words) != NULL;
	lock_drop(&events_lock);
	return found;
}

static bool is_logged(const char *words)
{
	static char lines[FAKE_LOG_SIZE];
	fake_log_copy(lines);
	return strstr(lines, words) != NULL;
}

/* --- relays ------------------------------------------------------------------------------------------------------- */

static struct fleet_keys *keys, *other_keys;

static struct fleet_keys *keys_of(const char *text)
{
	struct failure why = {0};
	FILE *file = fopen(room_file("key"), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(room_file("key"), 0600);
	struct fleet_keys *made = fleet_keys_read(room_file("key"), &why);
	if (!made)
		fail_msg("%s", why.text);
	return made;
}

static int begin(void **state)
{
	struct failure why = {0};
	memset(&server, 0, sizeof server);
	memset(relays, 0, sizeof relays);
	noted[0] = '\0';
	fake_log_forget();
	lock_init(&server.lock);
	lock_init(&events_lock);
	if (room_make(state) != 0)
		return -1;
	keys = keys_of(KEY);
	other_keys = keys_of(OTHER_KEY);
	for (size_t i = 0; i < RELAYS; i++) {
		struct relay *relay = &relays[i];
		snprintf(relay->name, sizeof relay->name, "relay%zu", i);
		snprintf(relay->directory, sizeof relay->directory, "%s/%zu", room, i);
		mkdir(relay->directory, 0700);
		/* Opening a store forks, so it comes before all threads. */
		relay->store = store_open(relay->directory, 4 * ROOM_BYTES, STORE_OWNER, &why);
		assert_non_null(relay->store);
	}
	return 0;
}

static void on_changed(void *arg, const struct keeper_state *state)
{
	struct relay *relay = arg;
	lock_take(&server.lock);
	relay->state = *state;
	lock_drop(&server.lock);
}

static void relay_start(size_t number)
{
	struct relay *relay = &relays[number];
	struct failure why = {0};
	relay->loop = loop_new(&why);
	assert_non_null(relay->loop);
	relay->link.loop = relay->loop;
	relay->base = (struct fleet_base){.check = (struct check *)relay->name,
		.store = relay->store,
		.loop = relay->loop,
		.link = &relay->link,
		.keys = keys,
		.prefix = "farm",
		.node = relay->name};
	relay->state = (struct keeper_state){.decisions = 0};
	relay->keeper = keeper_new(&relay->base, on_changed, relay);
	assert_true(loop_start(relay->loop, &why));
	assert_true(keeper_start(relay->keeper, &why));
}

static void relay_stop(size_t number)
{
	struct relay *relay = &relays[number];
	if (!relay->keeper)
		return;
	lock_take(&server.lock);
	relay->link.heard = NULL;
	lock_drop(&server.lock);
	keeper_stop(relay->keeper);
	loop_stop(relay->loop);
	loop_join(relay->loop);
	loop_free(&relay->loop);
	keeper_free(&relay->keeper);
}

static int end(void **state)
{
	char command[400];
	for (size_t i = 0; i < RELAYS; i++)
		relay_stop(i);
	for (size_t i = 0; i < RELAYS; i++)
		store_close(&relays[i].store);
	for (size_t i = 0; i < server.count; i++) {
		free(server.field[i].name);
		free(server.field[i].value);
	}
	fleet_keys_free(&keys);
	fleet_keys_free(&other_keys);
	lock_destroy(&server.lock);
	lock_destroy(&events_lock);
	for (size_t i = 0; i < RELAYS; i++) {
		snprintf(command, sizeof command, "rm -rf '%s'", relays[i].directory);
		assert_int_equal(system(command), 0);
	}
	return room_remove(state);
}

static void set(size_t relay, const char *domain, enum override_kind kind)
{
	struct override override = {.kind = kind,
		.begins_at = clock_wall_s(),
		.ends_at = clock_wall_s() + HOUR,
		.author = "alice",
		.reason = "the hop is under repair"};
	struct failure why = {0};
	snprintf(override.domain, sizeof override.domain, "%s", domain);
	snprintf(override.node, sizeof override.node, "%s", relays[relay].name);
	if (!store_set_override(relays[relay].store, &override, NULL, &why))
		fail_msg("%s", why.text);
}

static void lift(size_t relay, const char *domain)
{
	struct override cleared;
	const struct decision_maker by = {"bob", relays[relay].name};
	assert_true(store_lift_override(relays[relay].store, domain, &by, &cleared, NULL));
}

static enum override_kind in_force(size_t relay, const char *domain)
{
	struct store_view *view = store_view_begin(relays[relay].store, NULL);
	struct override override;
	assert_non_null(view);
	store_view_override(view, domain, clock_wall_s(), &override);
	store_view_end(&view);
	return override.kind;
}

/* Waits until a condition holds; a busy machine may be slow. */
#define WAIT_FOR(condition)                                                                                            \
	do {                                                                                                           \
		int64_t until_ms = clock_mono_ms() + PATIENCE_MS;                                                      \
		while (!(condition) && clock_mono_ms() < until_ms)                                                     \
			usleep(5000);                                                                                  \
		if (!(condition))                                                                                      \
			fail_msg("in vain: %s", #condition);                                                           \
	} while (0)

static struct keeper_state state_of(size_t relay)
{
	lock_take(&server.lock);
	struct keeper_state state = relays[relay].state;
	lock_drop(&server.lock);
	return state;
}

static bool is_level(size_t relay)
{
	struct keeper_state state = state_of(relay);
	return state.level_at != 0 && state.waiting == 0;
}

static void begin_with(size_t count)
{
	for (size_t i = 0; i < count; i++)
		relay_start(i);
	for (size_t i = 0; i < count; i++)
		WAIT_FOR(is_level(i));
}

/* Waits until a relay has looked at the whole hash again. The link goes down and up, because it does so every half minute only. */
static void look_again(size_t relay)
{
	down(relay, true);
	set(relay, "look.example", OVERRIDE_TAG); /* a command that fails */
	WAIT_FOR(state_of(relay).waiting > 0);
	usleep(2 * KEEPER_LOOK_MS * 1000);
	lock_take(&server.lock);
	unsigned scans = server.scans;
	relays[relay].link.down = false;
	lock_drop(&server.lock);
	for (bool looked = false; !looked;) {
		lock_take(&server.lock);
		looked = server.scans > scans;
		lock_drop(&server.lock);
		usleep(5000);
	}
	WAIT_FOR(is_level(relay));
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void test_everywhere(void **state)
{
	(void)state;
	begin_with(2);
	int64_t begun_ms = clock_mono_ms();
	set(0, "a.example", OVERRIDE_PASS);
	WAIT_FOR(in_force(1, "a.example") == OVERRIDE_PASS);
	print_message("an override came after %d ms\n", (int)(clock_mono_ms() - begun_ms));
	WAIT_FOR(is_logged("domain=a.example an override of another relay: pass until "));
	assert_true(is_logged(", set by alice on relay0: \"the hop is under repair\""));
	lift(1, "a.example");
	WAIT_FOR(in_force(0, "a.example") == OVERRIDE_NONE);
	WAIT_FOR(is_logged("domain=a.example an override was cleared by bob on relay1: pass until "));
	set(1, OVERRIDE_ALL, OVERRIDE_TAG);
	WAIT_FOR(in_force(0, "b.example") == OVERRIDE_TAG);
	assert_string_equal(noted, ""); /* nobody decided without knowing of the other */
	/* a keeper tells its state a moment after it has acted */
	WAIT_FOR(is_level(0) && state_of(0).decisions == 2 && is_level(1) && state_of(1).decisions == 2);
	WAIT_FOR(state_of(0).newest_ms == state_of(1).newest_ms && state_of(0).newest_ms != 0);
}

static void test_forget(void **state)
{
	const struct decision_maker by = {"bob", "relay0"};
	(void)state;
	assert_true(room_put(relays[1].store, "a.example", KIND_USED, 100, NULL));
	begin_with(2);
	assert_true(store_forget(relays[0].store, "a.example", &by, NULL, NULL));
	WAIT_FOR(!room_knows(relays[1].store, "a.example"));
	WAIT_FOR(is_logged("domain=a.example forgotten, as decided by bob on relay0"));
	WAIT_FOR(deleted() == 1); /* nobody gets the value that was forgotten */
	assert_string_equal(server.last_deleted, "farm:entry:a.example");
}

/* A relay that was away catches up, and what it decided meanwhile goes to the others. */
static void test_away(void **state)
{
	(void)state;
	begin_with(2);
	set(0, "a.example", OVERRIDE_PASS);
	WAIT_FOR(in_force(1, "a.example") == OVERRIDE_PASS);
	set(2, "c.example", OVERRIDE_TAG); /* before it shares anything */
	relay_start(2);
	WAIT_FOR(in_force(2, "a.example") == OVERRIDE_PASS);
	WAIT_FOR(in_force(0, "c.example") == OVERRIDE_TAG && in_force(1, "c.example") == OVERRIDE_TAG);
	relay_stop(2);
	lift(0, "a.example");
	WAIT_FOR(in_force(1, "a.example") == OVERRIDE_NONE);
	assert_int_equal(in_force(2, "a.example"), OVERRIDE_PASS);
	relay_start(2);
	WAIT_FOR(in_force(2, "a.example") == OVERRIDE_NONE);
	assert_int_equal(in_force(0, "c.example"), OVERRIDE_TAG);
}

/* Two operators decide while their relays do not reach each other. */
static void test_conflict(void **state)
{
	(void)state;
	begin_with(3);
	down(1, true);
	set(1, "a.example", OVERRIDE_TAG);
	sleep(1); /* the decision of relay 0 is later */
	set(0, "a.example", OVERRIDE_PASS);
	WAIT_FOR(in_force(2, "a.example") == OVERRIDE_PASS);
	assert_int_equal(in_force(1, "a.example"), OVERRIDE_TAG);
	down(1, false);
	WAIT_FOR(in_force(1, "a.example") == OVERRIDE_PASS);
	WAIT_FOR(is_noted(
		"relay1 override-conflict a.example: alice on relay0 has set an override and did not know that "
		"alice on relay1 had set another: tag until "));
	assert_false(is_noted("relay0 override") || is_noted("relay2 override"));
	WAIT_FOR(is_level(1));
	assert_int_equal(in_force(0, "a.example"), OVERRIDE_PASS);
	assert_int_equal(in_force(2, "a.example"), OVERRIDE_PASS);
}

/* The shared store loses everything: it gets all decisions again. */
static void test_flushed(void **state)
{
	(void)state;
	begin_with(2);
	set(0, "a.example", OVERRIDE_PASS);
	lift(1, "b.example");
	WAIT_FOR(has_field("override a.example", NULL, 0) && has_field("override b.example", NULL, 0));
	WAIT_FOR(state_of(0).decisions == 2);
	lock_take(&server.lock);
	while (server.count > 0)
		field_delete(server.field[0].name);
	lock_drop(&server.lock);
	assert_int_equal(in_force(0, "a.example"), OVERRIDE_PASS);
	look_again(0);
	assert_true(has_field("override a.example", NULL, 0) && has_field("override b.example", NULL, 0));
}

/* Who cannot seal can set nothing, and who can repeat an old value brings nothing back. */
static void test_hostile(void **state)
{
	char old[DECISION_SEALED_MAX], now[DECISION_SEALED_MAX];
	size_t len;
	(void)state;
	begin_with(1);
	set(0, "a.example", OVERRIDE_PASS);
	WAIT_FOR(has_field("override a.example", old, sizeof old));
	lift(0, "a.example");
	WAIT_FOR(has_field("override a.example", now, sizeof now) && strcmp(old, now) != 0);
	struct decision_record foreign;
	struct override override = {.kind = OVERRIDE_PASS,
		.domain = "f.example",
		.begins_at = clock_wall_s(),
		.ends_at = clock_wall_s() + HOUR,
		.author = "eve",
		.node = "relay1",
		.reason = "none"};
	decision_init(&foreign, DECISION_OVERRIDE, "f.example", &(struct decision_maker){"eve", "relay1"}, &override);
	decision_date(&foreign, NULL, clock_wall_s());
	struct fleet_base base = relays[0].base;
	base.keys = other_keys;
	char *sealed = decision_seal(&base, &foreign, clock_wall_s(), &len);
	plant("override f.example", sealed, len);
	free(sealed);
	base.keys = keys;
	strcpy(foreign.domain, "g.example");
	strcpy(foreign.override.domain, "g.example");
	foreign.made_ms += INT64_C(86400000); /* a relay whose clock is wrong */
	sealed = decision_seal(&base, &foreign, clock_wall_s(), &len);
	plant("override g.example", sealed, len);
	plant("override f2.example", sealed, len);
	free(sealed);
	plant("override a.example", old, strlen(old)); /* replayed */
	plant("override b.example", old, strlen(old)); /* of another field */
	plant("", "", 0);
	plant("override c.example", "stsgate1", 8);
	memset(old, 'x', sizeof old);
	plant("override d.example", old, sizeof old - 1);
	static char large[DECISION_SEALED_MAX + 2];
	memset(large, 'x', sizeof large - 1);
	plant("override e.example", large, sizeof large - 1);
	lock_take(&server.lock);
	publish("no message", 10);
	publish("override a.example\nstsgate1 ", 28);
	publish(large, sizeof large - 1);
	lock_drop(&server.lock);
	look_again(0);
	static const char *const domains[] = {"a.example", "b.example", "c.example", "d.example", "e.example",
		"f.example", "f2.example", "g.example"};
	for (size_t i = 0; i < COUNT(domains); i++)
		assert_int_equal(in_force(0, domains[i]), OVERRIDE_NONE);
	WAIT_FOR(has_field("override a.example", old, sizeof old) && strcmp(old, now) != 0 && strlen(old) > 100);
	struct decision_record back;
	assert_int_equal(decision_open(&relays[0].base, (struct span){LIT("override a.example")},
				 (struct span){old, strlen(old)}, clock_wall_s(), &back),
		FLEET_TAKEN);
	assert_int_equal(back.override.kind, OVERRIDE_NONE); /* the newest one is there again */
}

/* What is so old that no relay keeps it leaves the shared store. */
/* A value of a megabyte in the hash hides no decision, and a relay writes what is decided on it nevertheless. */
static void test_large(void **state)
{
	static char large[1 << 20];
	(void)state;
	memset(large, 'x', sizeof large - 1);
	plant("override a.example", large, sizeof large - 1);
	begin_with(2);
	set(0, "b.example", OVERRIDE_PASS);
	WAIT_FOR(in_force(1, "b.example") == OVERRIDE_PASS);
}

/* A hash that somebody has filled is not read, but what is decided reaches the others. */
static void test_crowd(void **state)
{
	(void)state;
	server.octets = INT64_C(200) << 20;
	relay_start(0);
	relay_start(1);
	set(0, "b.example", OVERRIDE_PASS);
	WAIT_FOR(in_force(1, "b.example") == OVERRIDE_PASS);
	WAIT_FOR(is_logged("the hash farm:decisions of the shared store is too large to be decisions"));
	assert_int_equal(state_of(1).level_at, 0);
	lock_take(&server.lock);
	unsigned scans = server.scans;
	lock_drop(&server.lock);
	assert_int_equal(scans, 0);
}

/* A relay whose disk takes no more removes nothing from the shared store: the others need it. */
static void test_full_disk(void **state)
{
	struct decision_record forget;
	struct rlimit before, none;
	size_t len;
	(void)state;
	decision_init(&forget, DECISION_FORGET, "a.example", &(struct decision_maker){"alice", "relay1"}, NULL);
	forget.made_ms = clock_wall_s() * 1000;
	relays[0].base = (struct fleet_base){.keys = keys, .prefix = "farm", .node = "relay1"};
	char *sealed = decision_seal(&relays[0].base, &forget, clock_wall_s(), &len);
	plant("forget a.example", sealed, len);
	free(sealed);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	setrlimit(RLIMIT_FSIZE, &none);
	relay_start(0);
	for (int64_t end = clock_mono_ms() + PATIENCE_MS; !is_level(0) && clock_mono_ms() < end;)
		usleep(5000);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_true(is_level(0));
	assert_int_equal(state_of(0).decisions, 0);
	assert_true(has_field("forget a.example", NULL, 0));
}

static void test_old_leaves(void **state)
{
	struct decision_record old;
	size_t len;
	(void)state;
	decision_init(&old, DECISION_OVERRIDE, "a.example", &(struct decision_maker){"alice", "relay1"}, NULL);
	old.made_ms = (clock_wall_s() - DECISION_KEPT_S - 60) * 1000;
	relays[0].base = (struct fleet_base){.keys = keys, .prefix = "farm", .node = "relay1"};
	char *sealed = decision_seal(&relays[0].base, &old, clock_wall_s(), &len);
	plant("override a.example", sealed, len);
	free(sealed);
	begin_with(1);
	assert_false(has_field("override a.example", NULL, 0));
	assert_int_equal(state_of(0).decisions, 0);
}

/* A new relay in a farm with many decisions. */
static void test_many(void **state)
{
	char domain[32];
	(void)state;
	begin_with(1);
	for (int i = 0; i < 200; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		set(0, domain, OVERRIDE_PASS);
	}
	WAIT_FOR(is_level(0) && state_of(0).decisions == 200);
	relay_start(1);
	WAIT_FOR(is_level(1) && state_of(1).decisions == 200);
	for (int i = 0; i < 200; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_int_equal(in_force(1, domain), OVERRIDE_PASS);
	}
	assert_int_equal(server.sets, 200); /* each was written once */
}

static void test_refused(void **state)
{
	(void)state;
	lock_take(&server.lock);
	server.refusal = "NOPERM this user\r\n has no \"permissions\"";
	lock_drop(&server.lock);
	relay_start(0);
	WAIT_FOR(is_logged("the shared store refuses decisions: \"NOPERM this user\\x0d\\x0a has no"));
	set(0, "a.example", OVERRIDE_PASS);
	assert_int_equal(in_force(0, "a.example"), OVERRIDE_PASS);
	WAIT_FOR(state_of(0).waiting == 1);
	assert_int_equal(state_of(0).level_at, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_everywhere), TEST(test_forget), TEST(test_away),
		TEST(test_conflict), TEST(test_flushed), TEST(test_hostile), TEST(test_large), TEST(test_full_disk),
		TEST(test_crowd), TEST(test_old_leaves), TEST(test_many), TEST(test_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
