/* The sender of reports, with a clock and an MTA of the test's own: one relay, and two relays that report to each other. */
#include "cm.h"

#include "clock.h"
#include "lock.h"
#include "loop.h"
#include "post.h"
#include "room.h"
#include "tlsrpt_sender.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY INT64_C(20787) /* 2026-11-30 */
#define DAY_S INT64_C(86400)
#define MINUTE 60
#define HOUR 3600
#define NEXT ((DAY + 1) * DAY_S) /* the end of the day */

static int64_t wall_s;

int64_t __wrap_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void)
{
	return wall_s;
}

/* --- the MTA ------------------------------------------------------------------------------------------------------ */

#define POSTS_MAX 4096
static struct {
	int64_t at;
	char sender[128], receiver[128], domain[64];
} posts[POSTS_MAX];
static size_t post_count;
static enum tlsrpt_outcome mta_says;
static bool mta_is_down, mta_kills;
static char message[65536];

static void field_read(const char *name, char *out, size_t size)
{
	const char *at = strstr(message, name);
	assert_non_null(at);
	at += strlen(name);
	snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

void post_smtp(const struct post *post, struct posted *posted)
{
	if (mta_kills)
		kill(getpid(), SIGKILL);
	assert_true(post_count < POSTS_MAX);
	snprintf(message, sizeof message, "%.*s", (int)post->message.len, post->message.at);
	posts[post_count].at = wall_s;
	snprintf(posts[post_count].sender, sizeof posts[0].sender, "%s", post->sender);
	snprintf(posts[post_count].receiver, sizeof posts[0].receiver, "%s", post->receiver);
	field_read("\r\nTLS-Report-Domain: ", posts[post_count].domain, sizeof posts[0].domain);
	post_count++;
	*posted = (struct posted){.outcome = mta_is_down ? TLSRPT_LATER : mta_says, .unreached = mta_is_down};
	snprintf(posted->detail, sizeof posted->detail, "the MTA's reply");
}

static void mta_reset(void)
{
	post_count = 0;
	mta_says = TLSRPT_DONE;
	mta_is_down = mta_kills = false;
}

/* --- a relay ------------------------------------------------------------------------------------------------------ */

struct relay {
	struct store *store;
	struct config *config;
	struct tlsrpt_sender *sender;
};
static struct loop *loop;
static struct relay relay;

static struct config *config_of(const char *lines)
{
	struct failure why = {0};
	char text[1024];
	snprintf(text, sizeof text, "tlsrpt = collect\nreport_organization = Example\n%s", lines);
	struct settings *settings = settings_read_text("test", text, strlen(text), &why);
	struct config *config = settings ? config_new(settings, NULL, &why) : NULL;
	if (!config)
		fail_msg("%s", why.text);
	return config;
}

static void relay_open(struct relay *out, const char *directory, const char *lines, bool at_once)
{
	struct failure why = {0};
	*out = (struct relay){.store = store_open(directory, 16 * ROOM_BYTES, STORE_OWNER, &why)};
	assert_non_null(out->store);
	out->config = config_of(lines);
	out->sender = tlsrpt_sender_new(
		&(struct tlsrpt_sender_options){.store = out->store, .loop = loop, .at_once = at_once});
}

static void relay_close(struct relay *out)
{
	tlsrpt_sender_free(&out->sender);
	config_unref(&out->config);
	store_close(&out->store);
}

#define FROM "report_from = reports@relay.example\n"

static void count_sessions(struct relay *of, const char *domain, const char *record, unsigned good, unsigned failed)
{
	uint64_t refused = 0;
	struct tlsrpt_tally tally;
	tlsrpt_tally_init(&tally, tlsrpt_day(wall_s), domain);
	for (unsigned i = 0; i < good + failed; i++) {
		struct tlsrpt_session session = {.count = 0};
		snprintf(session.domain, sizeof session.domain, "%s", domain);
		snprintf(session.record, sizeof session.record, "%s", record);
		struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, domain);
		policy->failed = i >= good;
		if (policy->failed)
			tlsrpt_policy_add(policy, &(struct tlsrpt_failure){.result = TLSRPT_STARTTLS_NOT_SUPPORTED});
		tlsrpt_tally_add(&tally, &session);
		tlsrpt_session_free(&session);
	}
	assert_true(store_add_tallies(of->store, &tally, 1, wall_s, &refused, NULL));
	assert_int_equal(refused, 0);
	tlsrpt_tally_free(&tally);
}

static struct tlsrpt_pass pass(struct relay *of)
{
	struct tlsrpt_pass done;
	struct failure why = {0};
	if (!tlsrpt_sender_pass(of->sender, of->config, &done, &why))
		fail_msg("%s", why.text);
	return done;
}

/* Makes a pass each minute until a time. */
static void passes(struct relay *of, int64_t until)
{
	for (; wall_s < until; wall_s += MINUTE)
		pass(of);
}

static struct tlsrpt_send row_of(struct relay *of, const char *domain)
{
	size_t count = 0;
	struct tlsrpt_send out = {.day = -1}, *rows = store_tlsrpt_sends(of->store, &count, NULL);
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].domain, domain) == 0)
			out = rows[i];
	free(rows);
	return out;
}

static int begin_with(void **state, const char *lines)
{
	struct failure why;
	int made = room_make(state);
	mta_reset();
	wall_s = DAY * DAY_S + 12 * HOUR;
	loop = loop_new(&why);
	loop_start(loop, &why);
	relay_open(&relay, room, lines, false);
	return made;
}

static int begin(void **state)
{
	return begin_with(state, FROM);
}

static int begin_always(void **state)
{
	return begin_with(state, FROM "report_when = always\nreport_exclude = .no.example\n");
}

static int end(void **state)
{
	relay_close(&relay);
	loop_stop(loop);
	loop_join(loop);
	loop_free(&loop);
	return room_remove(state);
}

#define RUA(address) "v=TLSRPTv1; rua=mailto:" address

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void a_report_goes_out_once(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 3, 1);
	count_sessions(&relay, "fine.example", RUA("tls@fine.example"), 9, 0);
	count_sessions(&relay, "nobody.example", "v=TLSRPTv1; rua=ftp://x", 0, 1);
	passes(&relay, NEXT + 600);
	assert_int_equal(post_count, 0);
	passes(&relay, NEXT + 600 + 4 * HOUR + MINUTE);
	assert_int_equal(post_count, 1);
	assert_string_equal(posts[0].receiver, "tls@a.example");
	assert_string_equal(posts[0].domain, "a.example");
	assert_int_equal(strncmp(posts[0].sender, LIT("reports+")), 0);
	assert_int_equal(strlen(posts[0].sender), strlen("reports+@relay.example") + TLSRPT_TOKEN_LEN);
	struct tlsrpt_send row = row_of(&relay, "a.example");
	assert_int_equal(row.state, TLSRPT_SENT);
	assert_int_equal(row.day, DAY);
	assert_non_null(strstr(posts[0].sender, row.token));
	assert_true(row.last_at >= tlsrpt_send_due_at(DAY, "a.example", "reports@relay.example"));
	assert_true(row.last_at < tlsrpt_send_due_at(DAY, "a.example", "reports@relay.example") + 2 * MINUTE);
	passes(&relay, NEXT + 3 * DAY_S);
	assert_int_equal(post_count, 1);
	/* a restart sends nothing again */
	relay_close(&relay);
	wall_s = NEXT + 5 * HOUR;
	relay_open(&relay, room, FROM, false);
	passes(&relay, NEXT + 8 * HOUR);
	assert_int_equal(post_count, 1);
}

static void settings_decide(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 3, 0);
	count_sessions(&relay, "x.no.example", RUA("tls@x.no.example"), 3, 3);
	passes(&relay, NEXT + 5 * HOUR);
	assert_int_equal(post_count, 1);
	assert_string_equal(posts[0].domain, "a.example");
}

static void nothing_is_sent_without_a_sender(void **state)
{
	(void)state;
	struct config *off = config_of("");
	struct tlsrpt_pass done;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	wall_s = NEXT + 5 * HOUR;
	assert_false(settings_send_reports(off->settings));
	assert_true(tlsrpt_sender_pass(relay.sender, off, &done, NULL));
	assert_int_equal(post_count, 0);
	config_unref(&off);
	pass(&relay);
	assert_int_equal(post_count, 1);
}

/* A policy cannot be fetched while an earlier one is in force: no session has failed, but the domain has to know. */
static void a_failure_without_a_failed_session(void **state)
{
	uint64_t refused = 0;
	struct tlsrpt_tally tally;
	struct tlsrpt_session session = {.domain = "a.example", .record = RUA("tls@a.example")};
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, session.domain);
	(void)state;
	tlsrpt_policy_add(policy, &(struct tlsrpt_failure){.result = TLSRPT_STS_POLICY_FETCH_ERROR});
	tlsrpt_tally_init(&tally, tlsrpt_day(wall_s), session.domain);
	tlsrpt_tally_add(&tally, &session);
	assert_int_equal(tlsrpt_tally_failed(&tally), 0);
	assert_true(store_add_tallies(relay.store, &tally, 1, wall_s, &refused, NULL));
	tlsrpt_session_free(&session);
	tlsrpt_tally_free(&tally);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 1);
	assert_string_equal(posts[0].receiver, "tls@a.example");
}

static void each_address_gets_its_report(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("one@a.example,mailto:two@b.example"), 0, 1);
	count_sessions(&relay, "a.example", RUA("one@a.example"), 1, 0);
	count_sessions(&relay, "a.example", RUA("good@a.example"), 1, 0);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 2);
	assert_string_not_equal(posts[0].receiver, posts[1].receiver);
	assert_string_not_equal(posts[0].sender, posts[1].sender);
}

static void an_mta_that_says_later(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	mta_says = TLSRPT_LATER;
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_RETRY);
	passes(&relay, NEXT + 5 * HOUR + 300);
	assert_int_equal(post_count, 1);
	mta_says = TLSRPT_DONE;
	passes(&relay, NEXT + 6 * HOUR);
	assert_int_equal(post_count, 2);
	assert_string_equal(posts[0].sender, posts[1].sender);
	assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_SENT);
}

/* stsgated did not run for more than a day after the first attempt. */
static void an_attempt_that_comes_too_late(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	mta_says = TLSRPT_LATER;
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	mta_says = TLSRPT_DONE;
	wall_s = NEXT + 5 * HOUR + DAY_S + MINUTE;
	pass(&relay);
	assert_int_equal(post_count, 1);
	assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_GIVEN_UP);
}

static void an_mta_that_never_takes_it(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	mta_says = TLSRPT_LATER;
	wall_s = NEXT + 5 * HOUR;
	passes(&relay, NEXT + 3 * DAY_S);
	assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_GIVEN_UP);
	assert_true(posts[post_count - 1].at <= NEXT + 5 * HOUR + DAY_S);
	assert_in_range(post_count, 8, 14);
	mta_reset();
	count_sessions(&relay, "b.example", RUA("tls@b.example"), 0, 1);
	mta_says = TLSRPT_NEVER;
	passes(&relay, NEXT + 5 * DAY_S);
	assert_int_equal(row_of(&relay, "b.example").state, TLSRPT_GIVEN_UP);
	assert_int_equal(post_count, 1);
}

static void an_mta_that_is_down(void **state)
{
	char domain[32], record[64];
	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		snprintf(record, sizeof record, RUA("tls@d%d.example"), i);
		count_sessions(&relay, domain, record, 0, 1);
	}
	mta_is_down = true;
	wall_s = NEXT + 5 * HOUR;
	assert_int_equal(pass(&relay).waiting, 49);
	assert_int_equal(post_count, 1);
	mta_is_down = false;
	pass(&relay);
	assert_int_equal(post_count, 50);
	passes(&relay, wall_s + HOUR);
	assert_int_equal(post_count, 51);
}

static void twenty_an_hour_to_one_host(void **state)
{
	char domain[32];
	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		count_sessions(&relay, domain, RUA("tls@rua.example"), 0, 1);
	}
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 21);
	passes(&relay, wall_s + HOUR - MINUTE);
	assert_int_equal(post_count, 21);
	passes(&relay, wall_s + 2 * MINUTE);
	assert_int_equal(post_count, 41);
	passes(&relay, wall_s + 2 * HOUR);
	assert_int_equal(post_count, 51);
}

static void a_bounce_suppresses(void **state)
{
	(void)state;
	struct tlsrpt_send row;
	struct tlsrpt_suppression suppression;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 1);
	assert_true(
		store_bounce_tlsrpt(relay.store, row_of(&relay, "a.example").token, wall_s, &row, &suppression, NULL));
	assert_string_equal(row.domain, "a.example");
	for (int day = 0; day < 10; day++) {
		count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
		wall_s += DAY_S;
		pass(&relay);
		assert_int_equal(post_count, day < 6 ? 1 : day - 4);
		if (day == 0)
			assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_SUPPRESSED);
	}
}

static void at_once(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	mta_says = TLSRPT_LATER;
	relay_close(&relay);
	wall_s = NEXT - 1;
	relay_open(&relay, room, FROM, true);
	pass(&relay);
	assert_int_equal(post_count, 0); /* the day is not over */
	wall_s = NEXT;
	pass(&relay);
	pass(&relay);
	pass(&relay);
	assert_int_equal(post_count, 1); /* once in each run */
	/* the day is closed now, and what comes late counts for the next one */
	wall_s = NEXT - 1;
	count_sessions(&relay, "b.example", RUA("tls@b.example"), 0, 1);
	relay_close(&relay);
	wall_s = NEXT + 1;
	mta_says = TLSRPT_DONE;
	relay_open(&relay, room, FROM, true);
	pass(&relay);
	assert_int_equal(post_count, 2);
	assert_string_equal(posts[1].domain, "a.example");
	passes(&relay, NEXT + 2 * DAY_S);
	assert_int_equal(post_count, 3);
	assert_int_equal(row_of(&relay, "b.example").day, DAY + 1);
}

static void a_clock_set_back(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 1);
	wall_s -= DAY_S;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1); /* counts for DAY + 1 */
	passes(&relay, NEXT + DAY_S + 5 * HOUR);
	assert_int_equal(post_count, 2);
	passes(&relay, NEXT + 4 * DAY_S);
	assert_int_equal(post_count, 2);
}

/* Rows leave the store with a clock that is weeks ahead. What was counted must leave before them: otherwise the report would come a
 * second time when the clock is right again. */
static void a_clock_that_was_ahead(void **state)
{
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 1);
	wall_s += 20 * DAY_S;
	pass(&relay);
	assert_int_equal(row_of(&relay, "a.example").day, -1);
	wall_s -= 20 * DAY_S;
	passes(&relay, NEXT + 7 * HOUR);
	assert_int_equal(post_count, 1);
}

/* Rows of days whose counts have left the store make room for new ones. */
static void a_full_table(void **state)
{
	enum { OLD = 4000 };
	struct tlsrpt_send *rows = calloc(OLD, sizeof *rows);
	struct report_address address;
	size_t refused;
	(void)state;
	assert_true(report_address_read(&address, LIT("mailto:a@b.example")));
	for (size_t i = 0; i < OLD; i++) {
		char domain[32];
		snprintf(domain, sizeof domain, "d%zu.example", i);
		tlsrpt_send_init(&rows[i], (int32_t)DAY - 4, domain, &address, "abcdefghijklmnop2345", wall_s);
		tlsrpt_send_end(&rows[i], TLSRPT_DONE, "", wall_s);
	}
	assert_true(store_add_tlsrpt_sends(relay.store, rows, OLD, &refused, NULL));
	assert_true(refused > 0);
	free(rows);
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	wall_s = NEXT + 5 * HOUR;
	pass(&relay);
	assert_int_equal(post_count, 0);
	pass(&relay);
	assert_int_equal(post_count, 1);
}

static void settings_that_cannot_work(void **state)
{
	static const struct {
		const char *lines, *words;
	} rows[] = {
		{"report_exclude = a..b\n", "report_exclude: "},
		{"report_domains = -\n", "report_domains: "},
		{"report_from = a!b@c.example\n", "report_from: `a!b@c.example` is not a plain address"},
		{"report_from = a@192.0.2.1\n", "report_from: `a@192.0.2.1` is not a plain address"},
		{"report_from = a@b.example\n", "report_organization is not, so no TLS reports are sent"},
		{"report_organization = x\n", "report_from is not, so no TLS reports are sent"},
		{"report_from = a@b.example\nreport_organization = x\nreport_dkim_key = /nonexistent\n"
		 "report_dkim_selector = s\n",
			"TLS reports cannot be signed and wait: report_dkim_key: /nonexistent"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct failure why = {0};
		char text[256], warning[CONFIG_WARNING_SIZE];
		snprintf(text, sizeof text, "tlsrpt = collect\n%s", rows[i].lines);
		struct settings *settings = settings_read_text("test", text, strlen(text), &why);
		assert_non_null(settings);
		struct config *config = config_new(settings, NULL, &why);
		const char *words = config ? config_warning(config, warning) : why.text;
		if (!strstr(words, rows[i].words))
			fail_msg("%s", words);
		config_unref(&config);
	}
}

/* The process is killed when it has marked the report, before the MTA has it. */
static void killed_before_the_mta_has_it(void **state)
{
	int status;
	(void)state;
	count_sessions(&relay, "a.example", RUA("tls@a.example"), 0, 1);
	relay_close(&relay);
	loop_stop(loop);
	loop_join(loop);
	loop_free(&loop);
	wall_s = NEXT + 5 * HOUR;
	pid_t child = fork();
	if (child == 0) {
		struct failure why;
		struct tlsrpt_pass done;
		mta_kills = true;
		loop = loop_new(&why);
		loop_start(loop, &why);
		relay_open(&relay, room, FROM, false);
		tlsrpt_sender_pass(relay.sender, relay.config, &done, &why);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	struct failure why;
	loop = loop_new(&why);
	loop_start(loop, &why);
	relay_open(&relay, room, FROM, false);
	assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_SENDING);
	passes(&relay, NEXT + 3 * DAY_S);
	assert_int_equal(post_count, 0);
	assert_int_equal(row_of(&relay, "a.example").state, TLSRPT_SENT);
	relay_close(&relay);
	wall_s = NEXT + 5 * HOUR;
	relay_open(&relay, room, FROM, true);
	pass(&relay);
	assert_int_equal(post_count, 0);
}

/* --- two relays that report to each other ------------------------------------------------------------------------- */

/* Takes a report along the way of mail, and counts a session for it, as Postfix does unless the header says `TLS-Required: No`
 * (spec T-36). */
static void deliver(struct relay *from, size_t *delivered)
{
	for (; *delivered < post_count; (*delivered)++) {
		const char *at = strchr(posts[*delivered].receiver, '@') + 1;
		char record[64];
		snprintf(record, sizeof record, RUA("tls@%s"), at);
		if (!strstr(message, "\r\nTLS-Required: No\r\n"))
			count_sessions(from, at, record, 0, 1);
	}
}

static size_t two_relays(const char *when, const unsigned char failures[3][2])
{
	struct relay a, b;
	char first[300], second[300], lines[200];
	size_t delivered = 0;
	mta_reset();
	snprintf(first, sizeof first, "%s/a", room);
	snprintf(second, sizeof second, "%s/b", room);
	wall_s = DAY * DAY_S;
	snprintf(lines, sizeof lines, "report_from = tls@a.example\nreport_when = %s\n", when);
	relay_open(&a, first, lines, false);
	snprintf(lines, sizeof lines, "report_from = tls@b.example\nreport_when = %s\n", when);
	relay_open(&b, second, lines, false);
	for (int minute = 0; minute < 5 * 24 * 60; minute += 10, wall_s += 10 * MINUTE) {
		int day = minute / (24 * 60);
		if (day < 3 && minute % (24 * 60) == 700) {
			count_sessions(&a, "b.example", RUA("tls@b.example"), 5, failures[day][0]);
			if (failures[day][1] < 9)
				count_sessions(&b, "a.example", RUA("tls@a.example"), 5, failures[day][1]);
		}
		pass(&a);
		deliver(&a, &delivered);
		pass(&b);
		deliver(&b, &delivered);
	}
	relay_close(&a);
	relay_close(&b);
	char command[700];
	snprintf(command, sizeof command, "rm -rf %s %s", first, second);
	assert_int_equal(system(command), 0);
	return post_count;
}

static void two_relays_report_only_what_mail_caused(void **state)
{
	(void)state;
	/* failures of each day from a to b, and from b to a; 9: no mail at all */
	static const unsigned char failures[3][2] = {{1, 1}, {0, 2}, {0, 9}};
	assert_int_equal(two_relays("failures", failures), 3);
	assert_int_equal(two_relays("always", failures), 5);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_report_goes_out_once),
		cmocka_unit_test_setup_teardown(settings_decide, begin_always, end),
		TEST(nothing_is_sent_without_a_sender), TEST(a_failure_without_a_failed_session),
		TEST(each_address_gets_its_report), TEST(an_mta_that_says_later), TEST(an_attempt_that_comes_too_late),
		TEST(an_mta_that_never_takes_it), TEST(an_mta_that_is_down), TEST(twenty_an_hour_to_one_host),
		TEST(a_bounce_suppresses), TEST(at_once), TEST(a_clock_set_back), TEST(a_clock_that_was_ahead),
		TEST(a_full_table), cmocka_unit_test(settings_that_cannot_work), TEST(killed_before_the_mta_has_it),
		TEST(two_relays_report_only_what_mail_caused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
