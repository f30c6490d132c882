/* Verdict records: their bytes, how they are merged, and the store's ring of them. */
#include "cm.h"

#include "clock.h"
#include "fake_log.h"
#include "fields.h"
#include "product.h"
#include "room.h"
#include "tables.h"
#include "verdicts.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct verdict_record seen(enum verdict_door door, const char *domain, enum reason reason, int64_t at)
{
	struct verdict verdict = {
		.kind = VERDICT_FAIL_ENFORCE, .reason = reason, .has_policy = true, .mode = POLICY_ENFORCE};
	struct verdict_record record;

	snprintf(verdict.domain, sizeof verdict.domain, "%s", domain);
	snprintf(verdict.hop, sizeof verdict.hop, "mx.%s", domain);
	snprintf(verdict.policy_id, sizeof verdict.policy_id, "20261130");
	verdict_record_init(&record, door, &verdict, at);
	record.deed = record.would = DEED_DEFER;
	return record;
}

static bool refuse;

bool __real_store_note_verdicts(
	struct store *store, const struct verdict_record *record, size_t count, struct failure *why);
bool __wrap_store_note_verdicts(
	struct store *store, const struct verdict_record *record, size_t count, struct failure *why);

bool __wrap_store_note_verdicts(
	struct store *store, const struct verdict_record *record, size_t count, struct failure *why)
{
	return !refuse && __real_store_note_verdicts(store, record, count, why);
}

static struct verdict_record with_id(struct verdict_record record, const char *id)
{
	verdict_record_queue_id(&record, (struct span){id, strlen(id)});
	return record;
}

static void which_verdicts_are_recorded(void **state)
{
	(void)state;
	for (int kind = VERDICT_NONE; kind <= VERDICT_DEFER; kind++) {
		struct verdict verdict = {.kind = (enum verdict_kind)kind};

		assert_int_equal(verdict_is_recorded(&verdict), kind != VERDICT_NONE && kind != VERDICT_PASS);
		verdict.override = OVERRIDE_PASS;
		assert_true(verdict_is_recorded(&verdict));
		verdict.override_all = true;
		assert_int_equal(verdict_is_recorded(&verdict), kind != VERDICT_NONE && kind != VERDICT_PASS);
	}
}

static void which_mail_waits(void **state)
{
	static const struct {
		enum verdict_door door;
		enum verdict_kind kind;
		enum deed deed;
		bool monitor;
		int ago_s;
		bool delays, waits;
	} rows[] = {
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_DEFER, false, 10, true, true},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_QUARANTINE, false, 10, true, true},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_TAG, false, 10, false, false},
		{DOOR_DELEGATION, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, true, 10, false, false},
		{DOOR_MAP, VERDICT_DEFER, DEED_TEMP, false, 10, true, true},
		{DOOR_MAP, VERDICT_DEFER, DEED_TEMP, false, VERDICT_WAITS_S + 1, true, false},
		{DOOR_MAP, VERDICT_DEFER, DEED_ACCEPT, true, 10, false, false},
		/* found by a probe after the map was asked again: the MTA holds it at delivery */
		{DOOR_MAP, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, false, 10, true, true},
		{DOOR_MAP, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, false, VERDICT_WAITS_S + 1, true, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict_record record =
			seen(rows[i].door, "a.example", REASON_STARTTLS_MISSING, 100000 - rows[i].ago_s);

		record.kind = rows[i].kind;
		record.deed = rows[i].deed;
		record.monitor = rows[i].monitor;
		if (verdict_record_delays(&record) != rows[i].delays ||
			verdict_record_waits(&record, 100000) != rows[i].waits)
			fail_msg("row %zu", i);
	}
}

static void which_mail_would_wait(void **state)
{
	static const struct {
		enum verdict_door door;
		enum verdict_kind kind;
		enum deed deed, would;
		bool monitor;
		int ago_s;
		bool would_wait;
	} rows[] = {
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_DEFER, true, 10, true},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_TAG, DEED_QUARANTINE, true, 10, true},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_TAG, true, 10, false},
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_DEFER, true, VERDICT_WAITS_S, false},
		{DOOR_MAP, VERDICT_DEFER, DEED_ACCEPT, DEED_TEMP, true, 10, true},
		{DOOR_MAP, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_ACCEPT, true, 10, true},
		{DOOR_DELEGATION, VERDICT_FAIL_TESTING, DEED_ACCEPT, DEED_ACCEPT, false, 10, true},
		{DOOR_DELEGATION, VERDICT_FAIL_TESTING, DEED_ACCEPT, DEED_ACCEPT, false, VERDICT_WAITS_S, false},
		/* it waits */
		{DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_DEFER, DEED_DEFER, false, 10, false},
		{DOOR_MAP, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_ACCEPT, false, 10, false},
		/* an override lets it pass */
		{DOOR_MILTER, VERDICT_PASS, DEED_ACCEPT, DEED_ACCEPT, false, 10, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict_record record =
			seen(rows[i].door, "a.example", REASON_STARTTLS_MISSING, 100000 - rows[i].ago_s);

		record.kind = rows[i].kind;
		record.deed = rows[i].deed;
		record.would = rows[i].would;
		record.monitor = rows[i].monitor;
		if (verdict_record_would_wait(&record, 100000) != rows[i].would_wait)
			fail_msg("row %zu", i);
	}
}

static void queue_ids_are_checked(void **state)
{
	static const struct {
		const char *id;
		bool good;
	} rows[] = {
		{"4ZqTx92Jd6z1Qj", true},
		{"A1B2C3D4E5", true},
		{"61U7Y3Gb012345", true},
		{"12345678901234567890123", true},
		{"123456789012345678901234", false},
		{"", false},
		{"a b", false},
		{"a.example", false},
		{"\033[2J", false},
		{"\xc3\xa4", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict_record record =
			with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1), rows[i].id);

		if (verdict_queue_id_valid((struct span){rows[i].id, strlen(rows[i].id)}) != rows[i].good)
			fail_msg("row %zu", i);
		assert_string_equal(record.queue_ids, rows[i].good ? rows[i].id : "");
	}
}

static void the_last_queue_ids_stay(void **state)
{
	struct verdict_record record = seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1);
	char longest[VERDICT_QUEUE_ID_MAX + 1], id[32];

	(void)state;
	for (int i = 0; i < 11; i++) {
		snprintf(id, sizeof id, "Q%d", i);
		record = with_id(record, id);
		record = with_id(record, id);
	}
	assert_string_equal(record.queue_ids, "Q10 Q9 Q8 Q7 Q6 Q5 Q4 Q3");
	assert_true(verdict_record_has_id(&record, "Q3"));
	assert_false(verdict_record_has_id(&record, "Q2"));
	assert_false(verdict_record_has_id(&record, "Q"));
	assert_false(verdict_record_has_id(&record, ""));
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (int i = 0; i < 9; i++) {
		longest[0] = (char)('0' + i);
		record = with_id(record, longest);
	}
	assert_int_equal(strlen(record.queue_ids), VERDICT_QUEUE_IDS_SIZE - 1);
}

static void later_ones_are_merged(void **state)
{
	struct verdict_record first = with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 100), "A");
	struct verdict_record second =
		with_id(with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 200), "A"), "B");
	struct verdict_record other = seen(DOOR_DELEGATION, "a.example", REASON_STARTTLS_MISSING, 100);

	(void)state;
	assert_true(verdict_record_same(&first, &second));
	assert_false(verdict_record_same(&first, &other));
	other = seen(DOOR_MILTER, "b.example", REASON_STARTTLS_MISSING, 100);
	assert_false(verdict_record_same(&first, &other));
	other = seen(DOOR_MILTER, "a.example", REASON_CERT_EXPIRED, 100);
	assert_false(verdict_record_same(&first, &other));
	other = first;
	other.deed = DEED_TAG; /* a client that logged in, while others are rejected: both must be seen */
	assert_false(verdict_record_same(&first, &other));
	snprintf(second.hop, sizeof second.hop, "mx2.a.example");
	verdict_record_merge(&first, &second);
	assert_true(first.first_at == 100 && first.last_at == 200 && first.count == 2);
	assert_string_equal(first.queue_ids, "B A");
	assert_string_equal(first.hop, "mx2.a.example");
	first.count = UINT32_MAX - 1;
	second.count = 5;
	verdict_record_merge(&first, &second);
	assert_true(first.count == UINT32_MAX);
}

static bool record_equal(const struct verdict_record *a, const struct verdict_record *b)
{
	return verdict_record_same(a, b) && a->first_at == b->first_at && a->last_at == b->last_at &&
	       a->count == b->count && strcmp(a->hop, b->hop) == 0 && a->deed == b->deed && a->would == b->would &&
	       a->monitor == b->monitor && a->has_policy == b->has_policy && a->mode == b->mode &&
	       a->override == b->override && strcmp(a->policy_id, b->policy_id) == 0 &&
	       strcmp(a->queue_ids, b->queue_ids) == 0;
}

static void bytes_come_back(void **state)
{
	struct verdict_record record = with_id(
				      seen(DOOR_DELEGATION, "a.example", REASON_STARTTLS_MISSING, 1900000000), "Q1"),
			      back;
	struct verdict nothing = {.kind = VERDICT_DEFER, .reason = REASON_DOMAIN_UNREADABLE};

	(void)state;
	record.deed = DEED_ACCEPT;
	record.monitor = true;
	record.override = OVERRIDE_TAG;
	record.count = 7;
	snprintf(record.hop, sizeof record.hop, "\"a\\x20b\""); /* an MX name that is not a host name */
	for (int i = 0; i < 2; i++) {
		struct bytes bytes = verdict_record_encode(&record);

		assert_true(verdict_record_decode(&back, bytes.at, bytes.len));
		assert_true(record_equal(&record, &back));
		for (size_t k = 0; k < bytes.len; k++) {
			bytes.at[k] ^= 0x20;
			assert_false(verdict_record_decode(&back, bytes.at, bytes.len));
			bytes.at[k] ^= 0x20;
			assert_false(verdict_record_decode(&back, bytes.at, k));
		}
		free(bytes.at);
		verdict_record_init(&record, DOOR_MAP, &nothing, 5); /* the second time: as few members as possible */
	}
}

/* Encodes what verdict_record_encode() never writes. */
static void hostile_bytes_are_no_record(void **state)
{
	struct verdict_record good = seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 100), bad[6];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].kind = (enum verdict_kind)5;
	bad[1].door = (enum verdict_door)3;
	snprintf(bad[2].domain, sizeof bad[2].domain, "\033[2J");
	snprintf(bad[3].queue_ids, sizeof bad[3].queue_ids, "A\nB");
	bad[4].count = 0;
	bad[5].first_at = 101;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct verdict_record back;
		struct bytes bytes = verdict_record_encode(&bad[i]);

		if (verdict_record_decode(&back, bytes.at, bytes.len))
			fail_msg("row %zu", i);
		free(bytes.at);
	}
}

static size_t stored(struct store *store, struct verdict_record *newest)
{
	struct failure why;
	size_t count;
	struct verdict_record *records = store_verdicts(store, &count, &why);

	assert_non_null(records);
	for (size_t i = 1; i < count; i++)
		assert_true(records[i - 1].last_at >= records[i].last_at);
	if (count > 0)
		*newest = records[0];
	free(records);
	return count;
}

static void the_ring_merges_and_lasts(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct verdict_record newest,
		batch[4] = {with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1000), "A"),
			seen(DOOR_MAP, "a.example", REASON_FIRST_CONTACT, 1500),
			with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 2000), "B"),
			seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1200)};

	(void)state;
	batch[3].deed = batch[0].deed == DEED_TAG ? DEED_DEFER : DEED_TAG;
	assert_int_equal(stored(store, &newest), 0);
	assert_true(store_note_verdicts(store, batch, 0, NULL));
	assert_true(store_note_verdicts(store, batch, 4, NULL));
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_GUEST);
	assert_int_equal(stored(store, &newest), 3);
	assert_true(newest.first_at == 1000 && newest.last_at == 2000 && newest.count == 2);
	assert_string_equal(newest.queue_ids, "B A");
	store_close(&store);
	room_write("verdicts", "\1junk", 5, "junk");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(stored(store, &newest), 3);
	store_close(&store);
}

static void the_oldest_go(void **state)
{
	enum { BATCH = 64, MANY = VERDICTS_MAX + 3 * BATCH };
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct verdict_record batch[BATCH], newest;
	char domain[32];
	struct failure why;
	size_t count;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		batch[i % BATCH] = seen(DOOR_MILTER, domain, REASON_STARTTLS_MISSING, 1000 + i / 2);
		if (i % BATCH == BATCH - 1)
			assert_true(store_note_verdicts(store, batch, BATCH, NULL));
	}
	struct verdict_record *all = store_verdicts(store, &count, &why);
	assert_int_equal(count, VERDICTS_MAX);
	assert_int_equal(all[0].last_at, 1000 + (MANY - 1) / 2);
	assert_int_equal(all[count - 1].last_at, 1000 + (MANY - VERDICTS_MAX) / 2);
	free(all);
	batch[0] = seen(
		DOOR_MILTER, "old.example", REASON_STARTTLS_MISSING, 1); /* older than all others: it leaves at once */
	assert_true(store_note_verdicts(store, batch, 1, NULL));
	assert_int_equal(stored(store, &newest), VERDICTS_MAX);
	store_close(&store);
	assert_int_equal(room_records("verdicts"), VERDICTS_MAX);
}

/* A small store that is full of entries that may not be evicted accepts records nevertheless, up to their quota. */
static void a_full_store_takes_records(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct verdict_record newest;
	struct failure why;
	char domain[64];
	size_t count;
	int put = 0;

	(void)state;
	do
		snprintf(domain, sizeof domain, "u%d.example", put++);
	while (room_put(store, domain, KIND_USED, 3000, &why));
	for (int i = 0; i < 1000; i++) {
		snprintf(domain, sizeof domain, "e%d.example", i);
		struct verdict_record record = seen(DOOR_MILTER, domain, REASON_STARTTLS_MISSING, 1000 + i);
		if (!store_note_verdicts(store, &record, 1, &why))
			fail_msg("record %d: %s", i, why.text);
	}
	count = stored(store, &newest);
	assert_in_range(count, 10, ROOM_BYTES / 32 / 100);
	assert_int_equal(newest.last_at, 1999);
	assert_true(room_put(store, "u0.example", KIND_USED, 3010, &why)); /* a stored entry can be renewed */
	store_close(&store);
}

/* --- the way to the store ----------------------------------------------------------------------------------------- */

static void a_new_one_is_written_soon_and_repeats_later(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct verdicts *verdicts = verdicts_new(store);
	struct verdict_record record = with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1000), "A"),
			      newest;

	(void)state;
	verdicts_note(verdicts, &record);
	assert_int_equal(stored(store, &newest), 0); /* noting does not wait for the store */
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), 1);
	record = with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1001), "B");
	verdicts_note(verdicts, &record);
	verdicts_note(verdicts, &record);
	world_advance(1);
	record = seen(DOOR_MAP, "a.example", REASON_FIRST_CONTACT, 900);
	verdicts_note(verdicts, &record);
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), 2); /* the new one; the repeated one waits */
	assert_int_equal(newest.count, 1);
	world_advance(10);
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), 2);
	assert_int_equal(newest.count, 3);
	assert_string_equal(newest.queue_ids, "B A");
	record = seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1002);
	record.deed = DEED_TAG; /* something else was done: that is news */
	verdicts_note(verdicts, &record);
	world_advance(1);
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), 3);
	assert_true(newest.count == 1 && newest.deed == DEED_TAG);
	verdicts_note(verdicts, &record);
	verdicts_free(&verdicts); /* the rest is written at the end */
	assert_int_equal(stored(store, &newest), 3);
	assert_int_equal(newest.count, 2);
	store_close(&store);
}

static struct verdict_record flood(int i)
{
	char domain[32];

	snprintf(domain, sizeof domain, "d%d.example", i);
	return seen(DOOR_MILTER, domain, REASON_STARTTLS_MISSING, 1000 + i);
}

/* A flood of domains: bounded memory, and bounded writes per second. */
static void a_flood_is_bounded(void **state)
{
	enum { MANY = 10 * VERDICTS_PENDING_MAX };
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct verdicts *verdicts = verdicts_new(store);
	struct verdict_record newest, record;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		record = flood(i);
		verdicts_note(verdicts, &record);
	}
	verdicts_write(verdicts);
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), VERDICTS_A_SECOND);
	world_advance(1);
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), 2 * VERDICTS_A_SECOND);
	record = flood(MANY); /* there is room for another one now */
	verdicts_note(verdicts, &record);
	verdicts_free(&verdicts);
	assert_int_equal(stored(store, &newest), VERDICTS_PENDING_MAX + 1);
	assert_string_equal(newest.domain, record.domain);
	store_close(&store);
}

/* What the store refuses is tried again, and nothing is counted twice. */
static void what_is_refused_waits(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct verdicts *verdicts = verdicts_new(store);
	struct verdict_record newest,
		record = with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1000), "A");

	(void)state;
	refuse = true;
	verdicts_note(verdicts, &record);
	verdicts_write(verdicts);
	record = with_id(seen(DOOR_MILTER, "a.example", REASON_STARTTLS_MISSING, 1005), "B");
	verdicts_note(verdicts, &record);
	assert_int_equal(stored(store, &newest), 0);
	world_advance(10);
	verdicts_write(verdicts);
	refuse = false;
	world_advance(10);
	verdicts_write(verdicts);
	assert_int_equal(stored(store, &newest), 1);
	assert_true(newest.count == 2 && newest.first_at == 1000 && newest.last_at == 1005);
	assert_string_equal(newest.queue_ids, "B A");
	verdicts_free(&verdicts);
	store_close(&store);
}

static void killed_body(int fd)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct verdicts *verdicts = verdicts_new(store);
	struct verdict_record record = flood(1);

	verdicts_note(verdicts, &record);
	verdicts_write(verdicts);
	record = flood(2);
	verdicts_note(verdicts, &record);
	if (write(fd, "w", 1) != 1)
		abort();
	pause();
}

/* kill -9 loses what was not written, and nothing else. */
static void a_kill_loses_the_last_second(void **state)
{
	struct verdict_record newest;
	char byte;
	int fd;
	pid_t pid = room_spawn(killed_body, &fd);

	(void)state;
	assert_int_equal(read(fd, &byte, 1), 1);
	room_kill(pid);
	close(fd);
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(stored(store, &newest), 1);
	assert_string_equal(newest.domain, "d1.example");
	store_close(&store);
}

/* --- what front ends report --------------------------------------------------------------------------------------- */

/* Reports a verdict as a front end does. Returns whether it was logged. */
static bool reports(struct product *p, enum verdict_door door, enum verdict_kind kind, enum reason reason,
	struct verdict_logged *logged)
{
	static char log[FAKE_LOG_SIZE];
	struct verdict verdict = {.kind = kind, .reason = reason, .domain = "a.example"};
	struct config *config = check_config(p->check);
	struct verdict_seen seen = {.door = door,
		.settings = config->settings,
		.verdict = &verdict,
		.queue_id = {"4QID", 4},
		.deed = DEED_DEFER,
		.would = DEED_DEFER,
		.action = "defer",
		.would_action = "defer"};

	fake_log_forget();
	check_verdict_seen(p->check, &seen, logged);
	config_unref(&config);
	fake_log_copy(log);
	return strstr(log, "frontend=") != NULL;
}

static void settings_change(struct product *p, const char *setting)
{
	struct config *config = product_config(p, setting);

	check_reconfigure(p->check, config);
	config_unref(&config);
}

static void what_changes_nothing_is_not_logged(void **state)
{
	struct product p;
	struct verdict_logged logged = {.count = 0};
	struct verdict_record newest;

	(void)state;
	product_start(&p);
	assert_false(reports(&p, DOOR_MILTER, VERDICT_PASS, REASON_OK, NULL));
	assert_false(reports(&p, DOOR_MILTER, VERDICT_NONE, REASON_NO_RECORD, NULL));
	assert_true(reports(&p, DOOR_DELEGATION, VERDICT_NONE, REASON_FIRST_CONTACT, &logged));
	assert_false(reports(&p, DOOR_DELEGATION, VERDICT_NONE, REASON_FIRST_CONTACT, &logged));
	assert_false(reports(&p, DOOR_MAP, VERDICT_NONE, REASON_FIRST_CONTACT, NULL));
	assert_true(reports(&p, DOOR_MILTER, VERDICT_FAIL_TESTING, REASON_CERT_EXPIRED, NULL));
	check_write_verdicts(p.check);
	assert_int_equal(stored(p.store, &newest), 1);
	assert_true(newest.door == DOOR_MILTER && newest.kind == VERDICT_FAIL_TESTING && newest.deed == DEED_DEFER);
	assert_string_equal(newest.queue_ids, "4QID");
	settings_change(&p, "log_verdicts=all");
	assert_true(reports(&p, DOOR_MILTER, VERDICT_PASS, REASON_OK, NULL));
	assert_false(reports(&p, DOOR_MILTER, VERDICT_NONE, REASON_NO_RECORD, NULL));
	product_stop(&p);
}

/* The MTA asks the map for each message that waits, so a domain and a reason have a line a minute. All are counted. */
static void the_map_repeats_itself_once_a_minute(void **state)
{
	struct product p;
	struct verdict_record newest;

	(void)state;
	product_start(&p);
	for (int i = 0; i < 3; i++)
		assert_true(reports(&p, DOOR_MILTER, VERDICT_DEFER, REASON_FIRST_CONTACT, NULL));
	for (int i = 0; i < 3; i++)
		assert_int_equal(reports(&p, DOOR_MAP, VERDICT_DEFER, REASON_FIRST_CONTACT, NULL), i == 0);
	assert_true(reports(&p, DOOR_MAP, VERDICT_DEFER, REASON_RESOLVER, NULL));
	world_advance(60);
	assert_true(reports(&p, DOOR_MAP, VERDICT_DEFER, REASON_FIRST_CONTACT, NULL));
	check_write_verdicts(p.check);
	assert_int_equal(stored(p.store, &newest), 3);
	assert_true(newest.door == DOOR_MAP && newest.reason == REASON_FIRST_CONTACT && newest.count == 4);
	settings_change(&p, "log_verdicts=all");
	assert_true(reports(&p, DOOR_MAP, VERDICT_DEFER, REASON_FIRST_CONTACT, NULL));
	product_stop(&p);
}

/* The MTA asks for a domain again whose mail hosts fail: what it holds at delivery is recorded, also if only an override
 * makes the policy strict. */
static void what_the_mta_holds_is_recorded(void **state)
{
	static const char testing[] = "version: STSv1\nmode: testing\nmax_age: 604800\nmx: mx.example.com\n";

	(void)state;
	for (int row = 0; row < 3; row++) {
		struct product p;
		struct verdict_record newest;
		struct outcome outcome;
		const struct question map = product_question("example.com", PURPOSE_MAP);
		const struct override override = {.kind = OVERRIDE_ENFORCE,
			.domain = "example.com",
			.begins_at = clock_wall_s(),
			.ends_at = clock_wall_s() + 3600,
			.author = "anna",
			.reason = "r"};

		product_start(&p);
		settings_change(&p, "mta_enforces=yes");
		product_domain("example.com", "mx.example.com");
		world_hop("mx.example.com", REASON_CERT_EXPIRED, 0x0304);
		if (row > 0)
			world_policy("example.com", testing, sizeof testing - 1);
		if (row == 1)
			assert_true(store_set_override(p.store, &override, NULL, NULL));
		for (int i = 0; i < 3; i++) {
			product_answer(p.check, &map, SETTLE_MS, &outcome);
			assert_true(outcome.verdict.binding == (row < 2 ? BINDING_SECURE : BINDING_NONE));
			outcome_free(&outcome);
			product_settle(p.check);
			world_advance(150);
		}
		check_write_verdicts(p.check);
		assert_int_equal(stored(p.store, &newest), row < 2);
		if (row < 2)
			assert_true(newest.door == DOOR_MAP && newest.kind == VERDICT_FAIL_ENFORCE &&
				    newest.mode == POLICY_ENFORCE &&
				    newest.override == (row == 1 ? OVERRIDE_ENFORCE : OVERRIDE_NONE));
		product_stop(&p);
	}
}

static int world_begin(void **state)
{
	world_reset();
	return room_make(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_begin, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_verdicts_are_recorded),
		cmocka_unit_test(which_mail_waits),
		cmocka_unit_test(which_mail_would_wait),
		cmocka_unit_test(queue_ids_are_checked),
		cmocka_unit_test(the_last_queue_ids_stay),
		cmocka_unit_test(later_ones_are_merged),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(hostile_bytes_are_no_record),
		TEST(the_ring_merges_and_lasts),
		TEST(the_oldest_go),
		TEST(a_full_store_takes_records),
		TEST(a_new_one_is_written_soon_and_repeats_later),
		TEST(a_flood_is_bounded),
		TEST(what_the_mta_holds_is_recorded),
		TEST(what_is_refused_waits),
		TEST(a_kill_loses_the_last_second),
		cmocka_unit_test(what_changes_nothing_is_not_logged),
		cmocka_unit_test(the_map_repeats_itself_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
