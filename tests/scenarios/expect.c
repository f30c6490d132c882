/* The expectations of a case: the verdict, the remote calls, the store, and the texts of the front ends. */
#include "counts.h"

#include "answer.h"
#include "clock.h"
#include "fake_events.h"
#include "fake_log.h"
#include "map_reply.h"
#include "schedule.h"
#include "sessions.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_SIZE 2048

bool scene_wrong(struct scene *scene, const char *what, const char *expected, const char *seen)
{
	char *log = world_log(scene->calls_before);
	printf("# %s:%u: %s: expected `%s`, seen `%s`\n", scene->file, scene->line, what, expected, seen);
	for (char *line = log, *end; (end = strchr(line, '\n')); line = end + 1)
		printf("#     %.*s\n", (int)(end - line), line);
	free(log);
	scene->failures++;
	return false;
}

static bool expect_text(struct scene *scene, const char *what, const char *expected, const char *seen)
{
	return strcmp(expected, seen) == 0 || scene_wrong(scene, what, expected, seen);
}

/* verdict= reason= mx= policy= id= domain= waited= final= */
static bool expect_verdict(struct scene *scene, const struct words *words)
{
	const struct verdict *v = &scene->outcome.verdict;
	const struct {
		const char *key, *seen;
	} rows[] = {
		{"verdict", verdict_name(v->kind)},
		{"reason", reason_name(v->reason)},
		{"mx", v->hop},
		{"policy", v->has_policy ? policy_mode_name(v->mode) : "-"},
		{"id", v->policy_id},
		{"domain", v->domain},
		{"waited", scene->waited ? "yes" : "no"},
		{"final", scene->outcome.final ? "yes" : "no"},
	};
	for (size_t w = 1; w < words->count; w++) {
		bool known = false;
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			const char *expected = word_value(words->word[w], rows[i].key);
			if (!expected)
				continue;
			known = true;
			expect_text(scene, rows[i].key, expected, rows[i].seen);
		}
		if (!known)
			return scene_bad(scene, "expect", words->word[w]);
	}
	return true;
}

static void probe_word(const char *kind, const char *hop, char *word, size_t size)
{
	size_t len = strcspn(hop, " ");
	bool usual = len > 3 && strncmp(hop + len - 3, ":25", 3) == 0;
	snprintf(word, size, "%s:%.*s", kind, (int)(usual ? len - 3 : len), hop);
}

static void tlsa_word(const char *owner, char *word, size_t size)
{
	unsigned port = (unsigned)strtoul(owner, NULL, 10);
	const char *host = strstr(owner, "._tcp.");
	if (host && port == QUESTION_PORT)
		snprintf(word, size, "tlsa:%s", host + 6);
	else if (host)
		snprintf(word, size, "tlsa:%s:%u", host + 6, port);
}

/* Steps are the remote calls since the last question, as words: record, policy, mx, tlsa:HOST, probe:HOST, and dane:HOST
 * for a probe by TLSA records, which looks the records up once more. Calls for a domain other than the one in the
 * question have that domain at the end (record:example.org). Address lookups and a hop's further addresses are no
 * steps. */
static void step_word(const struct scene *scene, const char *call, char *word, size_t size)
{
	static const struct {
		const char *beginning, *word;
	} kinds[] = {{"dns TXT _mta-sts.", "record"}, {"fetch ", "policy"}, {"dns MX ", "mx"}};
	word[0] = '\0';
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t len = strlen(kinds[i].beginning);
		if (strncmp(call, kinds[i].beginning, len) != 0)
			continue;
		bool other = strcmp(call + len, scene->domain) != 0;
		snprintf(word, size, "%s%s%s", kinds[i].word, other ? ":" : "", other ? call + len : "");
	}
	if (strncmp(call, "probe ", 6) == 0)
		probe_word("probe", call + 6, word, size);
	if (strncmp(call, "probe-dane ", 11) == 0)
		probe_word("dane", call + 11, word, size);
	if (strncmp(call, "dns TLSA _", 10) == 0)
		tlsa_word(call + 10, word, size);
}

static void steps_seen(const struct scene *scene, char seen[SEEN_SIZE])
{
	char *log = world_log(scene->calls_before), last[DOMAIN_SIZE + 16] = "", word[DOMAIN_SIZE + 16];
	size_t len = 0;
	seen[0] = '\0';
	for (char *line = log, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		step_word(scene, line, word, sizeof word);
		bool repeated = strchr(word, ':') && strcmp(word, last) == 0;
		if (!word[0] || repeated)
			continue;
		memcpy(last, word, sizeof last);
		if (len < SEEN_SIZE)
			len += (size_t)snprintf(seen + len, SEEN_SIZE - len, "%s%s", len ? " " : "", word);
	}
	free(log);
}

static int word_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `steps` in this order, `steps-any` in any order. */
static bool expect_steps(struct scene *scene, const struct words *words)
{
	char seen[SEEN_SIZE], cut[SEEN_SIZE], expected[SEEN_SIZE] = "";
	struct words seen_words, expected_words = *words;
	bool any = strcmp(words->word[1], "steps-any") == 0;
	steps_seen(scene, seen);
	memcpy(cut, seen, sizeof cut);
	words_cut(&seen_words, cut);
	if (any) {
		qsort(seen_words.word, seen_words.count, sizeof(char *), word_compare);
		qsort(expected_words.word + 2, expected_words.count - 2, sizeof(char *), word_compare);
	}
	bool same = seen_words.count == words->count - 2;
	for (size_t i = 0, len = 0; i + 2 < words->count; i++) {
		same = same && strcmp(seen_words.word[i], expected_words.word[i + 2]) == 0;
		len += (size_t)snprintf(
			expected + len, sizeof expected - len, "%s%s", len ? " " : "", expected_words.word[i + 2]);
	}
	return same || scene_wrong(scene, words->word[1], expected, seen);
}

/* A time is written as a distance from now: +7d, -5m, 0; `never`. */
static void time_seen(int64_t at, const char *expected, char seen[SEEN_SIZE])
{
	int64_t seconds;
	const char *number = expected + (*expected == '+' || *expected == '-');
	if (at == 0)
		snprintf(seen, SEEN_SIZE, "never");
	else if (duration_parse(number, &seconds) && at - clock_wall_s() == (*expected == '-' ? -seconds : seconds))
		snprintf(seen, SEEN_SIZE, "%s", expected);
	else
		snprintf(seen, SEEN_SIZE, "%+" PRId64 "s", at - clock_wall_s());
}

static const char *mx_word(enum mx_state state)
{
	static const char *const words[] = {"unknown", "listed", "implicit", "null", "no-domain", "too-large"};
	return words[state];
}

static bool expect_entry_word(struct scene *scene, const struct entry *e, const char *word)
{
	const struct {
		const char *key, *seen;
	} texts[] = {
		{"policy", e->has_policy ? policy_mode_name(e->policy.mode) : "-"},
		{"id", e->policy_id},
		{"record-id", e->record_id},
		{"record", reason_name(e->record_outcome)},
		{"fetch", reason_name(e->fetch_outcome)},
		{"mx", mx_word(e->mx.state)},
		{"previous", e->has_previous ? policy_mode_name(e->previous_mode) : "-"},
	};
	const struct {
		const char *key;
		int64_t at;
	} times[] = {{"expires", e->policy_expires_at}, {"fetched", e->policy_fetched_at},
		{"checked", e->record_checked_at}, {"tried", e->fetch_tried_at}};
	const char *expected;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if ((expected = word_value(word, texts[i].key)))
			return expect_text(scene, texts[i].key, expected, texts[i].seen);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		char seen[SEEN_SIZE];
		if (!(expected = word_value(word, times[i].key)))
			continue;
		time_seen(times[i].at, expected, seen);
		return expect_text(scene, times[i].key, expected, seen);
	}
	return scene_bad(scene, "expect store", word);
}

static enum store_found entry_stored(struct scene *scene, const char *domain, struct entry *entry)
{
	struct store_view *view = store_view_begin(scene->store, NULL);
	enum store_found found = view ? store_view_entry(view, domain, entry) : STORE_FAILED;
	store_view_end(&view);
	return found;
}

/* store [domain=DOMAIN] policy= id= expires= ... */
static bool expect_store(struct scene *scene, const struct words *words)
{
	struct entry entry;
	const char *domain = words->count > 2 ? word_value(words->word[2], "domain") : NULL;
	size_t from = domain ? 3 : 2;
	if (entry_stored(scene, domain ? domain : scene->domain, &entry) != STORE_FOUND)
		return scene_wrong(scene, "store", "an entry", "none");
	bool right = true;
	for (size_t i = from; i < words->count; i++)
		right = expect_entry_word(scene, &entry, words->word[i]) && right;
	entry_free(&entry);
	return right;
}

static bool expect_none_stored(struct scene *scene, const struct words *words)
{
	struct entry entry;
	if (entry_stored(scene, words->count > 2 ? words->word[2] : scene->domain, &entry) != STORE_FOUND)
		return true;
	bool policy = entry.has_policy;
	entry_free(&entry);
	return scene_wrong(scene, "none-stored", "no entry", policy ? "an entry with a policy" : "an entry");
}

/* evidence HOST newest=REASON conclusive=REASON dane=REASON tlsa=STATE needed=yes|no */
static bool expect_evidence(struct scene *scene, const struct words *words)
{
	struct hop_record record;
	struct store_view *view = store_view_begin(scene->store, NULL);
	bool found =
		view && words->count > 2 && store_view_hop(view, words->word[2], QUESTION_PORT, &record) == STORE_FOUND;
	store_view_end(&view);
	if (!found)
		memset(&record, 0, sizeof record);
	bool right = true;
	for (size_t i = 3; i < words->count; i++) {
		const char *newest = word_value(words->word[i], "newest"),
			   *conclusive = word_value(words->word[i], "conclusive"),
			   *dane = word_value(words->word[i], "dane"), *tlsa = word_value(words->word[i], "tlsa"),
			   *seen_for = word_value(words->word[i], "seen-for"), *at = word_value(words->word[i], "at"),
			   *needed = word_value(words->word[i], "needed"), *asn = word_value(words->word[i], "asn"),
			   *country = word_value(words->word[i], "country");
		if (newest)
			right = expect_text(scene, "newest", newest,
					record.pkix.newest.at ? reason_name(record.pkix.newest.reason) : "-") &&
				right;
		else if (conclusive)
			right = expect_text(scene, "conclusive", conclusive,
					record.pkix.conclusive.at ? reason_name(record.pkix.conclusive.reason) : "-") &&
				right;
		else if (dane)
			right = expect_text(scene, "dane", dane,
					record.dane.newest.at ? reason_name(record.dane.newest.reason) : "-") &&
				right;
		else if (seen_for)
			right = expect_text(scene, "seen-for", seen_for,
					record.pkix.newest.seen_for[0] ? record.pkix.newest.seen_for : "-") &&
				right;
		else if (at) {
			char seen[SEEN_SIZE];
			time_seen(record.pkix.newest.at, at, seen);
			right = expect_text(scene, "at", at, seen) && right;
		} else if (tlsa)
			right = expect_text(scene, "tlsa", tlsa, tlsa_state_name(record.tlsa.state)) && right;
		else if (needed)
			right = expect_text(scene, "needed", needed,
					record.needed_day == schedule_day(clock_wall_s()) ? "yes" : "no") &&
				right;
		else if (asn) {
			char seen[SEEN_SIZE];
			snprintf(seen, sizeof seen, "%u", (unsigned)record.pkix.newest.asn);
			right = expect_text(scene, "asn", asn, seen) && right;
		} else if (country)
			right = expect_text(scene, "country", country,
					record.pkix.newest.country[0] ? record.pkix.newest.country : "-") &&
				right;
		else
			return scene_bad(scene, "expect evidence", words->word[i]);
	}
	return right;
}

/* map, map-tlsrpt, map-sts */
static void expect_map(const struct scene *scene, const char *kind, struct text *t)
{
	bool tlsrpt = strcmp(kind, "map-tlsrpt") == 0, sts = strcmp(kind, "map-sts") == 0;
	const struct map_source source = {.verdict = &scene->outcome.verdict, .policy = &scene->outcome.policy};
	map_reply(t, tlsrpt ? MAP_TLSRPT : sts ? MAP_STS : MAP_PLAIN, &source);
}

/* reply|header|log|map|map-tlsrpt|map-sts "TEXT" */
static bool expect_answer(struct scene *scene, const struct words *words)
{
	static char buffer[100000];
	struct text t;
	const char *kind = words->word[1];
	if (words->count != 3)
		return scene_bad(scene, "expect", kind);
	text_init(&t, buffer, sizeof buffer);
	if (strcmp(kind, "reply") == 0)
		answer_reply(&t, &scene->outcome.verdict);
	else if (strcmp(kind, "header") == 0)
		answer_header(&t, &scene->outcome.verdict, true);
	else if (strcmp(kind, "log") == 0)
		answer_log(&t, &scene->outcome.verdict);
	else
		expect_map(scene, kind, &t);
	return expect_text(scene, kind, words->word[2], buffer);
}

/* due [DOMAIN...]: the domains that are due now, earliest first */
static bool expect_due(struct scene *scene, const struct words *words)
{
	struct names due;
	struct failure why;
	char wanted[512] = "", seen[512] = "";
	size_t len = 0;
	if (!store_due(scene->store, clock_wall_s(), 100, &due, &why))
		return scene_bad(scene, "store_due", why.text);
	for (const char *name = names_next(&due, NULL); name && len < sizeof seen; name = names_next(&due, name))
		len += (size_t)snprintf(seen + len, sizeof seen - len, " %s", name);
	names_free(&due);
	len = 0;
	for (size_t i = 2; i < words->count && len < sizeof wanted; i++)
		len += (size_t)snprintf(wanted + len, sizeof wanted - len, " %s", words->word[i]);
	return strcmp(wanted, seen) == 0 || scene_wrong(scene, "due", wanted, seen);
}

/* said|not-said TEXT: the log since the last question contains TEXT or does not */
static bool expect_said(struct scene *scene, const struct words *words)
{
	static char said[FAKE_LOG_SIZE];
	bool wanted = strcmp(words->word[1], "said") == 0;
	if (words->count != 3)
		return scene_bad(scene, "expect", words->word[1]);
	fake_log_copy(said);
	bool found = strstr(said, words->word[2]) != NULL;
	return found == wanted || scene_wrong(scene, words->word[1], words->word[2], said);
}

/* events [KIND[:DOMAIN]...]: exactly the events raised since the last question, in any order */
static bool expect_events(struct scene *scene, const struct words *words)
{
	static char noted[FAKE_EVENTS_SIZE];
	char seen[SEEN_SIZE] = "", wanted[SEEN_SIZE] = "";
	struct words seen_words, wanted_words = *words;
	fake_events_copy(noted);
	words_cut(&seen_words, noted);
	qsort(seen_words.word, seen_words.count, sizeof(char *), word_compare);
	qsort(wanted_words.word + 2, wanted_words.count - 2, sizeof(char *), word_compare);
	for (size_t i = 0, len = 0; i < seen_words.count && len < sizeof seen; i++)
		len += (size_t)snprintf(seen + len, sizeof seen - len, " %s", seen_words.word[i]);
	for (size_t i = 2, len = 0; i < wanted_words.count && len < sizeof wanted; i++)
		len += (size_t)snprintf(wanted + len, sizeof wanted - len, " %s", wanted_words.word[i]);
	return strcmp(seen, wanted) == 0 || scene_wrong(scene, "events", wanted, seen);
}

/* recorded [FRONTEND:DOMAIN:VERDICT:REASON:COUNT...]: exactly the verdict records in the store, newest first */
static bool expect_recorded(struct scene *scene, const struct words *words)
{
	char seen[SEEN_SIZE] = "", wanted[SEEN_SIZE] = "";
	size_t count = 0;
	struct failure why;
	check_write_verdicts(scene->check);
	struct verdict_record *records = store_verdicts(scene->store, &count, &why);
	for (size_t i = 0, len = 0; i < count && len < sizeof seen; i++)
		len += (size_t)snprintf(seen + len, sizeof seen - len, " %s:%s:%s:%s:%u",
			verdict_door_name(records[i].door), records[i].domain, verdict_name(records[i].kind),
			reason_name(records[i].reason), (unsigned)records[i].count);
	free(records);
	for (size_t i = 2, len = 0; i < words->count && len < sizeof wanted; i++)
		len += (size_t)snprintf(wanted + len, sizeof wanted - len, " %s", words->word[i]);
	return strcmp(seen, wanted) == 0 || scene_wrong(scene, "recorded", wanted, seen);
}

bool scene_expect(struct scene *scene, const struct words *words)
{
	static const struct statement kinds[] = {{"steps", expect_steps}, {"steps-any", expect_steps},
		{"store", expect_store}, {"none-stored", expect_none_stored}, {"evidence", expect_evidence},
		{"due", expect_due}, {"reply", expect_answer}, {"header", expect_answer}, {"log", expect_answer},
		{"map", expect_answer}, {"map-tlsrpt", expect_answer}, {"map-sts", expect_answer},
		{"counted", expect_counted}, {"said", expect_said}, {"not-said", expect_said},
		{"events", expect_events}, {"recorded", expect_recorded}, {"sessions", expect_sessions},
		{"session", expect_session}};
	if (words->count < 2)
		return scene_bad(scene, "expect", "what");
	if (!scene->check)
		return scene_bad(scene, "expect", "before the first question");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, words->word[1]) == 0)
			return kinds[i].run(scene, words);
	return expect_verdict(scene, words);
}
