#include "cm.h"

#include "moving_room.h"
#include "schedule.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char one[96], two[96], file[96];

struct store *store_at(const char *path)
{
	struct failure why = {0};
	struct store *store = store_open(path, 1 << 22, STORE_OWNER, &why);
	if (!store)
		fail_msg("%s", why.text);
	return store;
}

static struct snapshot_running running;

void daemon_stops(const char *path)
{
	struct store *store = store_at(path);
	running.stopped_at = NOW;
	assert_true(store_put_running(store, &running, NULL));
	store_close(&store);
}

static void due_set(struct entry *entry, void *arg)
{
	(void)arg;
	entry->due_at = NOW - 600;
}

int daemon_at(const char *path)
{
	char name[160];
	struct store *store = store_at(path);
	memset(&running, 0, sizeof running);
	running = (struct snapshot_running){.version = "0.2.0",
		.pid = 4711,
		.started_at = NOW - 7200,
		.settings_at = NOW - 3600,
		.file = "/etc/stsgate.conf"};
	snapshot_setting_add(&running, "mode", "monitor", false);
	assert_true(store_put_running(store, &running, NULL));
	static struct snapshot_counts counts = {.at = NOW,
		.lines = "stsgate_verdicts_total map defer first-contact 12\nstsgate_limit_hits_total probe-budget 3\n"
			 "stsgate_map_replies_total temp 12\nstsgate_degraded resolver-trouble 1\n"
			 "stsgate_fleet_changed_time_seconds 1899990000\n"
			 "stsgate_answer_seconds socketmap 0.0005 12\nstsgate_step_seconds probe 10.0 1\n",
		.hits = "probe-budget 1899999999 mx.example.com\n"};
	assert_true(store_put_counts(store, &counts, &counts, NULL, NULL));
	struct verdict verdict = {.kind = VERDICT_DEFER, .reason = REASON_FIRST_CONTACT};
	struct verdict_record record;
	snprintf(verdict.domain, sizeof verdict.domain, "held.example");
	snprintf(verdict.hop, sizeof verdict.hop, "mx.held.example");
	verdict_record_init(&record, DOOR_MAP, &verdict, NOW - 60);
	record.deed = record.would = DEED_TEMP;
	assert_true(store_note_verdicts(store, &record, 1, NULL));
	struct override override = {.kind = OVERRIDE_PASS,
		.domain = "released.example",
		.begins_at = NOW - 60,
		.ends_at = NOW + 3600,
		.author = "alice",
		.reason = "their certificate expired"};
	assert_true(store_set_override(store, &override, NULL, NULL));
	assert_true(store_change_entry(store, "due.example", due_set, NULL, NULL));
	store_close(&store);
	snprintf(name, sizeof name, "%s/policies.owner", path);
	int fd = open(name, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	return fd;
}

static void entry_put(struct entry *to, void *arg)
{
	entry_free(to);
	entry_copy(to, arg);
}

static void hop_put(struct hop_record *to, void *arg)
{
	*to = *(const struct hop_record *)arg;
}

void policy_set(struct entry *entry, const char *text, const char *id, int64_t at)
{
	struct record_found record = {.outcome = REASON_OK, .ttl_s = 600};
	struct policy_found found = {.outcome = REASON_OK, .text = strdup(text), .text_len = (uint32_t)strlen(text)};
	snprintf(record.record.id, sizeof record.record.id, "%s", id);
	assert_true(policy_parse(&found.policy, text, strlen(text), NULL));
	entry_learn_record(entry, &record, at);
	entry_learn_policy(entry, &found, id, at);
	policy_found_free(&found);
}

static void mx_set_to(struct entry *entry, enum mx_state state, const char *first, const char *second)
{
	struct mx_found found = {.outcome = REASON_OK, .set = {.state = state, .ttl_s = 3600, .secure = true}};
	if (first) {
		names_add(&found.set.names, first, strlen(first));
		names_add(&found.set.names, second, strlen(second));
		found.set.preference[1] = 20;
	}
	entry_learn_mx(entry, &found, NOW - 40);
	mx_found_free(&found);
}

void put(struct store *store, struct entry *entry)
{
	struct failure why;
	assert_true(store_change_entry(store, entry->domain, entry_put, entry, &why));
	entry_free(entry);
}

/* Too long for its text to be kept. */
static void policy_set_long(struct entry *entry)
{
	char text[POLICY_TEXT_KEPT + 4000];
	int len = snprintf(text, sizeof text, "version: STSv1\nmode: testing\nmax_age: 86400\n");
	for (int i = 0; len < POLICY_TEXT_KEPT; i++)
		len += snprintf(text + len, sizeof text - (size_t)len,
			"mx: a-host-with-quite-a-long-name-%d.long.example\n", i);
	policy_set(entry, text, "long", NOW - 5000);
	assert_null(entry->policy_text);
}

static void entries_put(struct store *store)
{
	struct entry entry;
	entry_init(&entry, "used.example");
	policy_set(&entry, POLICY("testing", "old.used.example"), "0", NOW - 90000);
	policy_set(&entry, POLICY("enforce", "*.used.example"), "1", NOW - 7200);
	mx_set_to(&entry, MX_LISTED, "mx1.used.example", "mx2.used.example");
	entry_learn_use(&entry, NOW - 9 * DAY_S);
	entry.last_used_day = schedule_day(NOW);
	put(store, &entry);
	entry_init(&entry, "long.example");
	policy_set_long(&entry);
	mx_set_to(&entry, MX_LISTED, "", "mx.long.example");
	put(store, &entry);
	entry_init(&entry, "expired.example");
	policy_set(&entry, POLICY("enforce", "expired.example"), "3", NOW - 700000);
	entry_learn_policy(&entry, &(struct policy_found){.outcome = REASON_POLICY_WEBPKI}, "4", NOW - 500);
	entry_learn_policy(&entry, &(struct policy_found){.outcome = REASON_POLICY_WEBPKI}, "4", NOW - 100);
	mx_set_to(&entry, MX_IMPLICIT, NULL, NULL);
	put(store, &entry);
	entry_init(&entry, "bare.example");
	entry_learn_record(&entry, &(struct record_found){.outcome = REASON_NO_RECORD, .ttl_s = 60}, NOW - 9);
	put(store, &entry);
}

static void hops_put(struct store *store)
{
	struct failure why;
	struct hop_record record = {0};
	struct evidence seen = {.at = NOW - 300, .protocol = 0x0304, .not_after = NOW + 9999, .address = "192.0.2.25"};
	snprintf(seen.cipher, sizeof seen.cipher, "TLS_AES_256_GCM_SHA384");
	snprintf(seen.names, sizeof seen.names, "mx1.used.example *.used.example");
	snprintf(seen.seen_for, sizeof seen.seen_for, "mx9.used.example");
	hop_record_learn(&record, &seen);
	assert_true(store_change_hop(store, "mx1.used.example", 25, hop_put, &record, &why));
	hop_record_learn(&record, &(struct evidence){.at = NOW - 200, .reason = REASON_CERT_UNTRUSTED, .chain = 20});
	seen = (struct evidence){.at = NOW - 90, .reason = REASON_HOP_GREETING, .text = "554 \xff\x1b[2J no"};
	hop_record_learn(&record, &seen);
	assert_true(store_change_hop(store, "mx2.used.example", 25, hop_put, &record, &why));
	assert_true(store_change_hop(store, "mx2.used.example", 587, hop_put, &record, &why));
}

void store_fill(const char *path)
{
	struct store *store = store_at(path);
	entries_put(store);
	hops_put(store);
	store_close(&store);
}

struct entry entry_at(const char *path, const char *domain)
{
	struct entry entry;
	struct store *store = store_at(path);
	struct store_view *view = store_view_begin(store, NULL);
	assert_int_equal(store_view_entry(view, domain, &entry), STORE_FOUND);
	store_view_end(&view);
	store_close(&store);
	return entry;
}

struct tool_run exported(const char *path, const char *domain)
{
	struct tool_run run = call_tool((struct call){.run = export_run, .words = {domain}, .store = path});
	if (run.status != 0 && !domain)
		fail_msg("%d: %s", run.status, run.err);
	return run;
}

void file_write(const char *bytes, size_t len)
{
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

struct tool_run imported(const char *path, const char *bytes, size_t len)
{
	file_write(bytes, len);
	return call_tool((struct call){.run = import_run, .words = {file}, .store = path});
}

void imported_is(const char *path, const char *text, int status, const char *out)
{
	struct tool_run run = imported(path, text, strlen(text));
	if (run.status != status || strcmp(run.out, out) != 0)
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}

static void store_remove(const char *path)
{
	static const char *const names[] = {"policies.mdb", "policies.mdb-lock", "policies.owner", "policies.dirty"};
	char name[128];
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(name, sizeof name, "%s/%s", path, names[i]);
		unlink(name);
	}
	rmdir(path);
}

int stores_make(void **state)
{
	(void)state;
	snprintf(one, sizeof one, "%s/one", call_directory);
	snprintf(two, sizeof two, "%s/two", call_directory);
	snprintf(file, sizeof file, "%s/file", call_directory);
	world_reset();
	const char *const paths[] = {one, two};
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct store *store = mkdir(paths[i], 0700) == 0 ? store_at(paths[i]) : NULL;
		if (!store)
			return -1;
		store_close(&store);
	}
	return 0;
}

int stores_remove(void **state)
{
	(void)state;
	store_remove(one);
	store_remove(two);
	unlink(file);
	return 0;
}
