#include "doctor_notes.h"

#include "age.h"
#include "clock.h"
#include "memory.h"
#include "metrics.h"
#include "output.h"
#include "override_text.h"
#include "report.h"
#include "running.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define LIST_SIZE 600
#define EVENTS_SHOWN 8
#define OVERRIDES_SHOWN 20

static void event_report(struct doctor *doctor, const char *check, const struct event_record *event, int64_t now)
{
	struct when ago;
	doctor_report(doctor, check, DOCTOR_WARN, "%s%s%s, %s ago: %s", event_name(event->kind),
		*event->domain ? " for " : "", event->domain, when_span(&ago, now - event->last_at), event->detail);
	doctor_remedy(doctor, "%s", event_advice(event->kind));
}

/* Returns whether the event is about an attack or a fault near this relay. It has a check of its own. */
static bool is_interference(enum event_kind kind)
{
	return kind == EVENT_TLS_INTERCEPTED_HERE || kind == EVENT_HOPS_TURNED_BAD ||
	       kind == EVENT_POLICY_HOSTS_TURNED_BAD || kind == EVENT_RECORDS_TURNED_BAD;
}

static void interference_check(struct doctor *doctor, const struct event_record *events, size_t count, int64_t now)
{
	bool found = false;
	for (size_t i = count; i-- > 0;) {
		if (!is_interference(events[i].kind) || events[i].last_at < now - DAY_S)
			continue;
		found = true;
		event_report(doctor, "interference", &events[i], now);
	}
	if (!found)
		doctor_report(doctor, "interference", DOCTOR_OK,
			"no mail hosts, policy hosts or records turned bad together during the last day");
}

static void events_check(struct doctor *doctor, struct store *store, int64_t now)
{
	struct failure why = {0};
	size_t count = 0, found = 0;
	struct event_record *events = store_events(store, &count, &why);
	if (!events) {
		doctor_report(doctor, "events", DOCTOR_SKIP, "%s", why.text);
		doctor_report(doctor, "interference", DOCTOR_SKIP, "%s", why.text);
		return;
	}
	for (size_t i = count; i-- > 0;) {
		bool own = events[i].part_of == 0 && !is_interference(events[i].kind);
		if (!own || events[i].severity != EVENT_ERROR || events[i].last_at < now - DAY_S)
			continue;
		if (++found <= EVENTS_SHOWN)
			event_report(doctor, "events", &events[i], now);
	}
	if (found == 0)
		doctor_report(doctor, "events", DOCTOR_OK, "no event of severity error during the last day");
	if (found > EVENTS_SHOWN) {
		doctor_report(doctor, "events", DOCTOR_WARN, "%zu more events of severity error during the last day",
			found - EVENTS_SHOWN);
		doctor_remedy(doctor, "`stsgate events --since 1d` lists all");
	}
	interference_check(doctor, events, count, now);
	free(events);
}

/* --- the daemon's snapshot, overrides ----------------------------------------------------------------------------- */

/* Adds the settings whose values differ in this way. */
static void differing_add(
	const struct running *running, const struct settings *settings, enum running_difference way, struct text *list)
{
	struct span value;
	for (size_t i = 0; i < settings_table_count; i++)
		if (running_compare(running, settings, &settings_table[i], &value) == way) {
			text_add(list, list->len > 0 ? " " : "");
			text_add(list, settings_table[i].name);
		}
}

static void settings_compare(struct doctor *doctor, const struct running *running)
{
	static const enum running_difference ways[] = {RUNNING_RELOAD, RUNNING_RESTART, RUNNING_OPTION};
	bool differs = false;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char list[LIST_SIZE];
		struct text text;
		text_init(&text, list, sizeof list);
		differing_add(running, doctor->settings, ways[i], &text);
		if (text.len == 0)
			continue;
		differs = true;
		doctor_report(doctor, "settings-in-use", DOCTOR_WARN,
			"stsgated uses other values than the settings file for: %s", list);
		doctor_remedy(doctor, "%s", running_advice(ways[i]));
	}
	struct when since;
	if (!differs)
		doctor_report(doctor, "settings-in-use", DOCTOR_OK, "stsgated has used these settings since %s",
			when_date(&since, running->self.settings_at));
}

/* Reads what the running stsgated has noted about the shared store. */
static void sharing_report(struct doctor *doctor, const struct metrics_values *total)
{
	struct metrics_values *values = (struct metrics_values *)total;
	int64_t since = (int64_t)*metrics_in(values, METRIC_FLEET_CHANGED, 0, 0, 0);
	struct when when;
	when_date(&when, since);
	if (since == 0) {
		doctor_report(doctor, "sharing", DOCTOR_WARN, "the running stsgated shares nothing");
		doctor_remedy(doctor, "restart stsgated, so that it uses fleet_server");
	} else if (*metrics_in(values, METRIC_FLEET_UP, 0, 0, 0) == 0) {
		doctor_report(
			doctor, "sharing", DOCTOR_WARN, "the shared store has not been reached since %s", when.text);
		doctor_remedy(doctor,
			"`stsgate fleet test` looks for the cause; until then this relay learns of no override "
			"that is set elsewhere");
	} else {
		doctor_report(doctor, "sharing", DOCTOR_OK, "the shared store has been reached since %s", when.text);
	}
}

static void sharing_check(struct doctor *doctor, struct store *store, const struct running *running)
{
	if (doctor->settings->fleet_server[0] == '\0') {
		doctor_report(doctor, "sharing", DOCTOR_SKIP, "fleet_server is empty: nothing is shared");
		return;
	}
	if (running->state != RUNNING_NOW) {
		doctor_report(doctor, "sharing", DOCTOR_SKIP, "stsgated does not run");
		return;
	}
	struct snapshot_counts *counts = xcalloc(1, sizeof *counts);
	struct metrics_values *total = xcalloc(1, sizeof *total);
	store_counts(store, counts, NULL);
	metrics_read_lines(&counters_names, (struct span){counts->lines, strlen(counts->lines)}, total);
	sharing_report(doctor, total);
	free(total);
	free(counts);
}

static void running_check(struct doctor *doctor, struct store *store)
{
	struct failure why = {0};
	char words[RUNNING_TEXT_SIZE];
	struct running *running = running_read(store, doctor->settings->store_path, &why);
	if (!running) {
		doctor_report(doctor, "settings-in-use", DOCTOR_SKIP, "%s", why.text);
		return;
	}
	running_describe(running, words);
	if (running->state != RUNNING_NOW) {
		doctor_report(doctor, "version", DOCTOR_SKIP, "%s", words);
		doctor_report(doctor, "settings-in-use", DOCTOR_SKIP, "%s", words);
	} else {
		bool same = strcmp(running->self.version, PACKAGE_VERSION) == 0;
		doctor_report(
			doctor, "version", same ? DOCTOR_OK : DOCTOR_WARN, "%s; stsgate is %s", words, PACKAGE_VERSION);
		if (!same)
			doctor_remedy(doctor, "restart stsgated, so that it is of the version that is installed");
		settings_compare(doctor, running);
	}
	sharing_check(doctor, store, running);
	free(running);
}

/* Reports an override that is in force. One that releases the mail of all domains, or that has lasted for a day, may have
 * been forgotten. */
static void override_report(struct doctor *doctor, const struct override *override, int64_t now)
{
	struct quote author, reason;
	struct when end;
	char kind[OVERRIDE_KIND_SIZE];
	bool all = strcmp(override->domain, OVERRIDE_ALL) == 0;
	bool old = schedule_age(override->begins_at, now) > DAY_S;
	bool warn = override_releases(override->kind) && (all || old);
	doctor_report(doctor, "overrides", warn ? DOCTOR_WARN : DOCTOR_OK, "%s for %s until %s, by %s: %s",
		override_kind_words(kind, override), all ? "all domains" : override->domain,
		when_date(&end, override->ends_at), quote_string(&author, override->author),
		quote_string(&reason, override->reason));
	if (warn)
		doctor_remedy(doctor, "%s; `stsgate override clear '%s'` ends it",
			all ? "no policy is enforced meanwhile" : "it has lasted for more than a day",
			override->domain);
}

static void overrides_check(struct doctor *doctor, struct store *store, int64_t now)
{
	struct failure why = {0};
	size_t count = 0, found = 0;
	struct override *overrides = store_overrides(store, &count, &why);
	if (!overrides) {
		doctor_report(doctor, "overrides", DOCTOR_SKIP, "%s", why.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!override_in_force(&overrides[i], now))
			continue;
		if (++found <= OVERRIDES_SHOWN)
			override_report(doctor, &overrides[i], now);
	}
	if (found > OVERRIDES_SHOWN)
		doctor_report(doctor, "overrides", DOCTOR_WARN, "%zu overrides are in force", found);
	if (found > OVERRIDES_SHOWN)
		doctor_remedy(doctor, "`stsgate override list` lists all");
	if (found == 0)
		doctor_report(doctor, "overrides", DOCTOR_OK, "none is in force");
	free(overrides);
}

/* --- revocation ---------------------------------------------------------------------------------------------------- */

/* Certificates by what is known about them. */
struct revocation_count {
	size_t state[REVOCATION_REVOKED + 1];
	const struct revocation *failed; /* the newest attempt that gave no answer */
};

static struct revocation_count revocations_count(const struct revocation *rows, size_t count, int64_t now)
{
	struct revocation_count counted = {.failed = NULL};
	for (size_t i = 0; i < count; i++) {
		const struct revocation *row = &rows[i];
		counted.state[revocation_now(row, now)]++;
		if (row->why[0] != '\0' && (!counted.failed || row->checked_at > counted.failed->checked_at))
			counted.failed = row;
	}
	return counted;
}

static void revocations_report(struct doctor *doctor, const struct revocation_count *counted)
{
	size_t good = counted->state[REVOCATION_GOOD], revoked = counted->state[REVOCATION_REVOKED];
	if (good + revoked == 0 && counted->failed) {
		doctor_report(doctor, "revocation", DOCTOR_WARN,
			"no list of revoked certificates could be read; %s: %s", counted->failed->url,
			counted->failed->why);
		doctor_remedy(doctor,
			"make sure that the firewall lets stsgated connect to port 80 of other hosts; until a list can be "
			"read, no certificate counts as revoked");
		return;
	}
	doctor_report(doctor, "revocation", revoked > 0 ? DOCTOR_WARN : DOCTOR_OK,
		"certificates: %zu good, %zu revoked, %zu unknown", good, revoked, counted->state[REVOCATION_UNKNOWN]);
	if (revoked > 0)
		doctor_remedy(doctor,
			"`stsgate events` names the hosts that showed a revoked certificate; inform their "
			"postmasters");
}

static void revocation_check(struct doctor *doctor, struct store *store, int64_t now)
{
	struct failure why = {0};
	size_t count = 0;
	if (doctor->settings->revocation == REVOCATION_OFF) {
		doctor_report(doctor, "revocation", DOCTOR_SKIP, "revocation = off: nothing is looked up");
		return;
	}
	struct revocation *rows = store_revocations(store, &count, &why);
	if (!rows) {
		doctor_report(doctor, "revocation", DOCTOR_SKIP, "%s", why.text);
		return;
	}
	struct revocation_count counted = revocations_count(rows, count, now);
	revocations_report(doctor, &counted);
	free(rows);
}

void doctor_notes(struct doctor *doctor, struct store *store)
{
	int64_t now = clock_wall_s();
	running_check(doctor, store);
	overrides_check(doctor, store, now);
	revocation_check(doctor, store, now);
	events_check(doctor, store, now);
}
