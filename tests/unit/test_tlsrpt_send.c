/* When TLS reports are sent: addresses of a record, the state machine of a row, suppressed addresses; and the rows in the
 * store. */
#include "cm.h"

#include "clock.h"
#include "room.h"
#include "text.h"
#include "tlsrpt_send.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY 20787 /* 2026-11-30 */
#define HOUR 3600
#define TOKEN "abcdefghijklmnop2345"
#define RUA "v=TLSRPTv1; rua="
#define LONG "0123456789012345678901234567890123456789012345678901234567890123"

/* --- addresses of a record ---------------------------------------------------------------------------------------- */

static void addresses_of_a_record(void **state)
{
	(void)state;
	static const struct {
		const char *rua, *texts;
	} rows[] = {
		{"mailto:a@b.example", "mailto:a@b.example b.example;"},
		{"mailto:a@B.example.", ""},
		{"MAILTO:A.b+c@B.Example", "mailto:A.b+c@B.Example b.example;"},
		{"mailto:a@b.example?subject=x,mailto:c@d.example",
			"mailto:a@b.example b.example;mailto:c@d.example d.example;"},
		{"mailto:a%2Bb@c%2eexample", "mailto:a+b@c.example c.example;"},
		{"mailto:a@b.example , https://b.example/x?y=1",
			"mailto:a@b.example b.example;https://b.example/x?y=1 b.example;"},
		/* not one mailbox */
		{"mailto:a%2Cb@c.example", ""},
		{"mailto:a@b.example%2Cc@d.example", ""},
		{"mailto:a%0d%0aRCPT@c.example", ""},
		{"mailto:a%0@c.example", ""},
		{"mailto:a%00@c.example", ""},
		{"mailto:a%20b@c.example", ""},
		{"mailto:%22a%22@c.example", ""},
		{"mailto:a@b@c.example", ""},
		{"mailto:@c.example", ""},
		{"mailto:.a@c.example", ""},
		{"mailto:a..b@c.example", ""},
		{"mailto:a%3E@c.example", ""},
		{"mailto:a%25d.example@c.example", ""},
		{"mailto:%7Ca@c.example", ""},
		{"mailto:" LONG "x@c.example", ""},
		{"mailto:" LONG "@c.example", "mailto:" LONG "@c.example c.example;"},
		/* not a host that everybody can look up */
		{"mailto:root@localhost", ""},
		{"mailto:root@[127.0.0.1]", ""},
		{"mailto:root@127.0.0.1", ""},
		{"mailto:a@b_c.example", ""},
		/* https */
		{"https://b.example", "https://b.example b.example;"},
		{"HTTPS://B.example:8443/", "HTTPS://B.example:8443/ b.example;"},
		{"https://b.example:443?x", "https://b.example:443?x b.example;"},
		{"https://b.example:25/", ""},
		{"https://b.example:/", ""},
		{"https://b.example:70000/", ""},
		{"https://b.example:8443x/", ""},
		{"https://user@b.example/", ""},
		{"https://user:8443@b.example/", ""},
		{"https://b.example/#x", ""},
		{"https://127.0.0.1/", ""},
		{"https://[::1]/", ""},
		{"https://localhost/", ""},
		{"https://b.example\\@c.example/", ""},
		{"https:///x", ""},
		{"http://b.example/, mailto:a@b.example", "mailto:a@b.example b.example;"},
		{"x, mailto:a@b.example, mailto:a@b.example", "mailto:a@b.example b.example;"},
		{"mailto:a@x.example,mailto:b@x.example,mailto:c@x.example,mailto:d@x.example,mailto:e@x.example",
			"mailto:a@x.example x.example;mailto:b@x.example x.example;mailto:c@x.example x.example;"
			"mailto:d@x.example x.example;"},
		{"", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char record[1024], texts[4 * REPORT_ADDRESS_SIZE + 4 * DOMAIN_SIZE] = "";
		struct text text;
		struct report_address found[REPORT_ADDRESSES_MAX];
		snprintf(record, sizeof record, RUA "%s; x=y", rows[i].rua);
		size_t count = report_record_addresses(record, strlen(record), found);
		text_init(&text, texts, sizeof texts);
		for (size_t k = 0; k < count; k++) {
			text_add(&text, found[k].text);
			text_add(&text, " ");
			text_add(&text, found[k].host);
			text_add(&text, ";");
		}
		if (strcmp(texts, rows[i].texts) != 0)
			fail_msg("%s: %s", rows[i].rua, texts);
	}
	struct report_address none[REPORT_ADDRESSES_MAX];
	assert_int_equal(report_record_addresses(LIT("v=TLSRPTv2; rua=mailto:a@b.example"), none), 0);
	assert_int_equal(report_record_addresses(LIT("v=TLSRPTv1; ruf=mailto:a@b.example"), none), 0);
	assert_int_equal(report_record_addresses(LIT(RUA "mailto:a\0b@c.example"), none), 0);
}

static void parts_of_an_https_address(void **state)
{
	(void)state;
	struct report_address address;
	assert_true(report_address_read(&address, LIT("https://b.example:8443/x?y")));
	assert_false(address.by_mail);
	assert_int_equal(address.port, 8443);
	assert_string_equal(address.text + address.path_at, "/x?y");
	assert_true(report_address_read(&address, LIT("https://b.example")));
	assert_int_equal(address.port, 443);
	assert_string_equal(address.text + address.path_at, "");
	assert_true(report_address_read(&address, LIT("mailto:a@b.example")));
	assert_true(address.by_mail);
	char uri[REPORT_ADDRESS_SIZE + 1];
	memset(uri, 'x', sizeof uri);
	memcpy(uri, "https://b.example/", strlen("https://b.example/"));
	assert_true(report_address_read(&address, uri, REPORT_ADDRESS_SIZE - 1));
	assert_false(report_address_read(&address, uri, REPORT_ADDRESS_SIZE));
}

/* --- when --------------------------------------------------------------------------------------------------------- */

static struct tlsrpt_send row_of(const char *rua)
{
	struct report_address address;
	struct tlsrpt_send row;
	assert_true(report_address_read(&address, rua, strlen(rua)));
	tlsrpt_send_init(&row, DAY, "a.example", &address, TOKEN, (int64_t)(DAY + 1) * 86400 + TALLY_CLOSES_S);
	return row;
}

static void due_times_are_spread(void **state)
{
	(void)state;
	int64_t end = (int64_t)(DAY + 1) * 86400, least = INT64_MAX, most = 0;
	for (int i = 0; i < 1000; i++) {
		char domain[32];
		snprintf(domain, sizeof domain, "d%d.example", i);
		int64_t due = tlsrpt_send_due_at(DAY, domain, "a@b.example") - end;
		assert_true(due >= 600 && due < 600 + 4 * HOUR);
		assert_int_equal(due, tlsrpt_send_due_at(DAY + 1, domain, "a@b.example") - end - 86400);
		least = due < least ? due : least;
		most = due > most ? due : most;
	}
	assert_true(least < 1000 && most > 4 * HOUR);
	assert_int_not_equal(tlsrpt_send_due_at(DAY, "a.example", "a@b.example"),
		tlsrpt_send_due_at(DAY, "a.example", "a@c.example"));
}

static void who_gets_reports(void **state)
{
	(void)state;
	struct names none = {0}, some = {0};
	names_add(&some, ".b.example", strlen(".b.example"));
	names_add(&some, "c.example", strlen("c.example"));
	const struct {
		bool always;
		const struct names *domains, *exclude;
		const char *domain;
		bool failures;
		enum tlsrpt_wanted wanted;
	} rows[] = {
		{false, &none, &none, "a.example", false, TLSRPT_NO_FAILURES},
		{false, &none, &none, "a.example", true, TLSRPT_WANTED},
		{true, &none, &none, "a.example", false, TLSRPT_WANTED},
		{true, &some, &none, "a.example", true, TLSRPT_EXCLUDED},
		{true, &some, &none, "x.b.example", true, TLSRPT_WANTED},
		{true, &some, &none, "b.example", true, TLSRPT_EXCLUDED},
		{true, &none, &some, "c.example", true, TLSRPT_EXCLUDED},
		{true, &none, &some, "x.b.example", true, TLSRPT_EXCLUDED},
		{false, &none, &some, "a.example", true, TLSRPT_WANTED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct tlsrpt_send_rules rules = {rows[i].always, rows[i].domains, rows[i].exclude};
		if (tlsrpt_send_wanted(&rules, rows[i].domain, rows[i].failures) != rows[i].wanted)
			fail_msg("row %zu", i);
	}
	names_free(&some);
}

/* --- the state machine -------------------------------------------------------------------------------------------- */

/* Steps of a row: at each time, whether an attempt may begin, and what it brings. */
static void attempts(void **state)
{
	(void)state;
	enum { NONE = -1 };
	static const struct {
		const char *name;
		struct {
			int at_s; /* after the row is due */
			bool ready;
			int outcome;
			enum tlsrpt_send_state state;
		} step[12];
	} rows[] = {
		{"at once", {{-1, false, NONE, TLSRPT_WAITING}, {0, true, TLSRPT_DONE, TLSRPT_SENT},
				    {99, false, NONE, TLSRPT_SENT}}},
		{"no answer", {{0, true, TLSRPT_UNSURE, TLSRPT_SENT}, {90000, false, NONE, TLSRPT_SENT}}},
		{"refused", {{0, true, TLSRPT_NEVER, TLSRPT_GIVEN_UP}, {300, false, NONE, TLSRPT_GIVEN_UP}}},
		{"after a day of silence of this process", {{2 * 86400, true, TLSRPT_LATER, TLSRPT_RETRY},
								   {2 * 86400 + 300, true, TLSRPT_DONE, TLSRPT_SENT}}},
		{"growing pauses",
			{{0, true, TLSRPT_LATER, TLSRPT_RETRY}, {299, false, NONE, TLSRPT_RETRY},
				{300, true, TLSRPT_LATER, TLSRPT_RETRY}, {899, false, NONE, TLSRPT_RETRY},
				{900, true, TLSRPT_LATER, TLSRPT_RETRY}, {2100, true, TLSRPT_DONE, TLSRPT_SENT}}},
		{"a day long", {{0, true, TLSRPT_LATER, TLSRPT_RETRY}, {9 * HOUR, true, TLSRPT_LATER, TLSRPT_RETRY},
				       {18 * HOUR, true, TLSRPT_LATER, TLSRPT_RETRY},
				       {24 * HOUR - 300, true, TLSRPT_LATER, TLSRPT_GIVEN_UP}}},
		{"clock set back", {{86400, true, TLSRPT_LATER, TLSRPT_RETRY}, {0, true, TLSRPT_DONE, TLSRPT_SENT}}},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tlsrpt_send row = row_of("mailto:a@b.example");
		int64_t due = row.next_at;
		for (size_t k = 0;
			k < COUNT(rows[i].step) && (k == 0 || rows[i].step[k].at_s != 0 || rows[i].step[k].ready);
			k++) {
			int64_t now = due + rows[i].step[k].at_s;
			bool ready = tlsrpt_send_ready(&row, now, false);
			if (ready && rows[i].step[k].outcome != NONE) {
				tlsrpt_send_begin(&row, now);
				assert_false(tlsrpt_send_ready(&row, now, true));
				tlsrpt_send_end(&row, (enum tlsrpt_outcome)rows[i].step[k].outcome, "words", now);
			}
			if (ready != rows[i].step[k].ready || row.state != rows[i].step[k].state)
				fail_msg("%s, step %zu: %d, %s", rows[i].name, k, ready,
					tlsrpt_send_state_name(row.state));
		}
	}
}

static void attempts_of_a_day(void **state)
{
	(void)state;
	struct tlsrpt_send row = row_of("mailto:a@b.example");
	int64_t due = row.next_at, now = due;
	for (; !tlsrpt_send_is_over(row.state); now += 60)
		if (tlsrpt_send_ready(&row, now, false)) {
			tlsrpt_send_begin(&row, now);
			tlsrpt_send_end(&row, TLSRPT_LATER, "", now);
		}
	assert_int_equal(row.state, TLSRPT_GIVEN_UP);
	assert_true(row.last_at <= due + 86400 && row.last_at > due + 16 * HOUR);
	assert_in_range(row.attempts, 8, 14);
}

static void sending_at_once(void **state)
{
	(void)state;
	struct tlsrpt_send row = row_of("mailto:a@b.example");
	assert_false(tlsrpt_send_ready(&row, row.next_at - 9999, false));
	assert_true(tlsrpt_send_ready(&row, row.next_at - 9999, true));
	tlsrpt_send_stop(&row, TLSRPT_SUPPRESSED, "why");
	assert_false(tlsrpt_send_ready(&row, row.next_at + 9999, true));
	assert_int_equal(row.state, TLSRPT_SUPPRESSED);
	tlsrpt_send_stop(&row, TLSRPT_GIVEN_UP, "late");
	assert_string_equal(row.detail, "why");
}

static void killed_during_an_attempt(void **state)
{
	(void)state;
	const int64_t now = 1800000000;
	struct tlsrpt_send begun = row_of("mailto:a@b.example"), row;
	assert_false(tlsrpt_send_lost(&begun, now));
	tlsrpt_send_begin(&begun, now);
	row = begun;
	assert_false(tlsrpt_send_lost(&row, now));
	assert_false(tlsrpt_send_lost(&row, now + TLSRPT_SENDING_MOST_S - 1));
	assert_int_equal(row.state, TLSRPT_SENDING);
	assert_true(tlsrpt_send_lost(&row, now + TLSRPT_SENDING_MOST_S));
	assert_int_equal(row.state, TLSRPT_SENT);
	row = begun; /* the clock was set back meanwhile */
	assert_true(tlsrpt_send_lost(&row, now - 86400));
	assert_int_equal(row.state, TLSRPT_SENT);
}

static void twenty_an_hour(void **state)
{
	(void)state;
	const int64_t now = 1800000000;
	struct tlsrpt_send rows[TLSRPT_HOST_HOURLY + 1];
	for (size_t i = 0; i < COUNT(rows); i++) {
		rows[i] = row_of("mailto:a@b.example");
		tlsrpt_send_begin(&rows[i], now);
	}
	assert_false(tlsrpt_send_host_full(rows, TLSRPT_HOST_HOURLY - 1, "b.example", now));
	assert_true(tlsrpt_send_host_full(rows, TLSRPT_HOST_HOURLY, "b.example", now));
	assert_false(tlsrpt_send_host_full(rows, TLSRPT_HOST_HOURLY, "c.example", now));
	assert_true(tlsrpt_send_host_full(rows, TLSRPT_HOST_HOURLY, "b.example", now + HOUR - 1));
	assert_false(tlsrpt_send_host_full(rows, TLSRPT_HOST_HOURLY, "b.example", now + HOUR));
	assert_false(tlsrpt_send_host_full(rows, COUNT(rows), "b.example", now - 86400)); /* the clock was set back */
}

static void suppressions_grow(void **state)
{
	(void)state;
	static const struct {
		int days; /* since the bounce before */
		unsigned level;
		int lasts; /* days from this bounce */
	} rows[] = {{0, 1, 7}, {1, 1, 6}, {7, 2, 14}, {14 + 13, 3, 28}, {56, 1, 7}, {7, 2, 14}, {14, 3, 28},
		{28, 4, 56}, {56, 5, 112}, {112, 6, 224}, {224, 6, 224}, {3 * 224, 1, 7}};
	struct tlsrpt_suppression row = {.level = 0};
	int64_t now = 1800000000;
	assert_false(tlsrpt_suppressed(&row, now));
	for (size_t i = 0; i < COUNT(rows); i++) {
		now += (int64_t)rows[i].days * 86400;
		tlsrpt_suppression_bounce(&row, "mailto:a@b.example", now);
		if (row.level != rows[i].level || row.until != now + (int64_t)rows[i].lasts * 86400)
			fail_msg("row %zu: %d, %d", i, row.level, (int)((row.until - now) / 86400));
		assert_true(tlsrpt_suppressed(&row, row.until - 1));
		assert_false(tlsrpt_suppressed(&row, row.until));
	}
	/* made by a clock that was ten years ahead */
	assert_false(tlsrpt_suppressed(&row, now - 10 * 365 * (int64_t)86400));
}

static bool rows_agree(const struct tlsrpt_send *a, const struct tlsrpt_send *b)
{
	return a->day == b->day && a->state == b->state && a->attempts == b->attempts && a->first_at == b->first_at &&
	       a->last_at == b->last_at && a->next_at == b->next_at && strcmp(a->domain, b->domain) == 0 &&
	       strcmp(a->address, b->address) == 0 && strcmp(a->host, b->host) == 0 &&
	       strcmp(a->token, b->token) == 0 && strcmp(a->detail, b->detail) == 0;
}

/* --- in the store ------------------------------------------------------------------------------------------------- */

static bool begin_change(struct tlsrpt_send *row, void *arg)
{
	if (!tlsrpt_send_ready(row, *(int64_t *)arg, false))
		return false;
	tlsrpt_send_begin(row, *(int64_t *)arg);
	return true;
}

static void only_row(struct store *store, struct tlsrpt_send *out)
{
	size_t count = 0;
	struct tlsrpt_send *rows = store_tlsrpt_sends(store, &count, NULL);
	assert_non_null(rows);
	assert_int_equal(count, 1);
	*out = rows[0];
	free(rows);
}

static void rows_in_the_store(void **state)
{
	(void)state;
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	struct tlsrpt_send row = row_of("mailto:a@b.example"), stored, other = row_of("https://b.example/");
	int64_t now = row.next_at;
	size_t refused, count;
	bool changed;
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &refused, NULL));
	assert_int_equal(refused, 0);
	only_row(store, &stored);
	assert_true(rows_agree(&stored, &row));
	/* one process begins the attempt, the other finds it begun */
	assert_true(store_change_tlsrpt_send(store, &row, begin_change, &now, &changed, NULL));
	assert_true(changed);
	assert_int_equal(row.state, TLSRPT_SENDING);
	stored = row_of("mailto:a@b.example");
	assert_true(store_change_tlsrpt_send(store, &stored, begin_change, &now, &changed, NULL));
	assert_false(changed);
	assert_int_equal(stored.state, TLSRPT_SENDING);
	/* a row that is there stays as it is */
	stored = row_of("mailto:a@b.example");
	assert_true(store_add_tlsrpt_sends(store, &stored, 1, &refused, NULL));
	only_row(store, &stored);
	assert_int_equal(stored.state, TLSRPT_SENDING);
	assert_true(store_change_tlsrpt_send(store, &other, begin_change, &now, &changed, NULL));
	assert_false(changed);
	assert_true(store_add_tlsrpt_sends(store, &other, 1, &refused, NULL));
	other.day++;
	assert_true(store_add_tlsrpt_sends(store, &other, 1, &refused, NULL));
	free(store_tlsrpt_sends(store, &count, NULL));
	assert_int_equal(count, 3);
	assert_true(store_forget_tlsrpt_sends(store, DAY + 1, now, NULL));
	only_row(store, &stored);
	assert_int_equal(stored.day, DAY + 1);
	store_close(&store);
}

/* A process is killed between the mark and the attempt: the next one does not send the report again. */
static void killed_after_the_mark(void **state)
{
	(void)state;
	struct tlsrpt_send row = row_of("mailto:a@b.example");
	int64_t now = row.next_at;
	bool changed;
	pid_t child = fork();
	if (child == 0) {
		size_t refused;
		struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
		if (store && store_add_tlsrpt_sends(store, &row, 1, &refused, NULL) &&
			store_change_tlsrpt_send(store, &row, begin_change, &now, &changed, NULL) && changed)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	only_row(store, &row);
	assert_int_equal(row.state, TLSRPT_SENDING);
	assert_false(tlsrpt_send_ready(&row, now + 99999, true));
	assert_true(tlsrpt_send_lost(&row, now + TLSRPT_SENDING_MOST_S));
	assert_int_equal(row.state, TLSRPT_SENT);
	store_close(&store);
}

static void bounces_in_the_store(void **state)
{
	(void)state;
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	struct tlsrpt_send row = row_of("mailto:a@b.example"), bounced;
	struct tlsrpt_suppression suppression;
	int64_t now = row.next_at;
	size_t refused, count;
	bool changed;
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &refused, NULL));
	/* a report that was never sent cannot bounce */
	assert_true(store_bounce_tlsrpt(store, TOKEN, now, &bounced, &suppression, NULL));
	assert_int_equal(bounced.domain[0], 0);
	assert_true(store_change_tlsrpt_send(store, &row, begin_change, &now, &changed, NULL));
	assert_true(store_bounce_tlsrpt(store, "abcdefghijklmnop2346", now, &bounced, &suppression, NULL));
	assert_int_equal(bounced.domain[0], 0);
	assert_true(store_bounce_tlsrpt(store, "", now, &bounced, &suppression, NULL));
	assert_int_equal(bounced.domain[0], 0);
	assert_int_equal(store_tlsrpt_suppression(store, row.address, &suppression, NULL), STORE_ABSENT);
	assert_true(store_bounce_tlsrpt(store, TOKEN, now, &bounced, &suppression, NULL));
	assert_string_equal(bounced.domain, "a.example");
	assert_int_equal(suppression.until, now + 7 * 86400);
	assert_true(store_bounce_tlsrpt(store, TOKEN, now + 9, &bounced, &suppression, NULL));
	assert_int_equal(suppression.until, now + 7 * 86400);
	assert_int_equal(store_tlsrpt_suppression(store, row.address, &suppression, NULL), STORE_FOUND);
	assert_true(tlsrpt_suppressed(&suppression, now));
	only_row(store, &row);
	assert_int_equal(row.state, TLSRPT_SUPPRESSED);
	/* the level is remembered as long again */
	assert_true(store_forget_tlsrpt_sends(store, DAY + 99, now + 14 * 86400 - 1, NULL));
	free(store_tlsrpt_suppressions(store, &count, NULL));
	assert_int_equal(count, 1);
	assert_true(store_forget_tlsrpt_sends(store, DAY + 99, now + 14 * 86400 + 1, NULL));
	free(store_tlsrpt_suppressions(store, &count, NULL));
	assert_int_equal(count, 0);
	store_close(&store);
}

static void rows_are_bounded(void **state)
{
	(void)state;
	enum { COUNT_ADDED = 2000 };
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	struct tlsrpt_send *rows = calloc(COUNT_ADDED, sizeof *rows), *found;
	size_t refused, count = 0;
	for (size_t i = 0; i < COUNT_ADDED; i++) {
		rows[i] = row_of("mailto:a@b.example");
		snprintf(rows[i].domain, sizeof rows[i].domain, "d%zu.example", i);
	}
	assert_true(store_add_tlsrpt_sends(store, rows, COUNT_ADDED, &refused, NULL));
	found = store_tlsrpt_sends(store, &count, NULL);
	assert_true(refused > 0);
	assert_int_equal(count + refused, COUNT_ADDED);
	assert_true(count > 500); /* 512 KiB hold so many */
	free(found);
	free(rows);
	store_close(&store);
}

static void damaged_rows(void **state)
{
	(void)state;
	struct tlsrpt_send row = row_of("mailto:a@b.example"), read;
	struct bytes bytes = tlsrpt_send_encode(&row);
	assert_true(tlsrpt_send_decode(&read, bytes.at, bytes.len));
	assert_true(rows_agree(&read, &row));
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.at[i] ^= 1;
		assert_false(tlsrpt_send_decode(&read, bytes.at, bytes.len));
		bytes.at[i] ^= 1;
	}
	assert_false(tlsrpt_send_decode(&read, bytes.at, bytes.len - 1));
	free(bytes.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_a_record),
		cmocka_unit_test(parts_of_an_https_address),
		cmocka_unit_test(due_times_are_spread),
		cmocka_unit_test(who_gets_reports),
		cmocka_unit_test(attempts),
		cmocka_unit_test(attempts_of_a_day),
		cmocka_unit_test(sending_at_once),
		cmocka_unit_test(killed_during_an_attempt),
		cmocka_unit_test(twenty_an_hour),
		cmocka_unit_test(suppressions_grow),
		cmocka_unit_test(damaged_rows),
		cmocka_unit_test_setup_teardown(rows_in_the_store, room_make, room_remove),
		cmocka_unit_test_setup_teardown(killed_after_the_mark, room_make, room_remove),
		cmocka_unit_test_setup_teardown(bounces_in_the_store, room_make, room_remove),
		cmocka_unit_test_setup_teardown(rows_are_bounded, room_make, room_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
