/* doctor: the store, and what its contents say about this relay. This group runs in a process of its own, which becomes the
 * store's owner when it opens the store as root. */
#include "age.h"
#include "clock.h"
#include "config.h"
#include "doctor.h"
#include "doctor_judge.h"
#include "health.h"
#include "output.h"
#include "privileges.h"
#include "running.h"
#include "schedule.h"
#include "store.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#define PAGE 256
#define SURVEY_MS 8000 /* for reading all entries; a large store is read in part */
#define NAMES_SHOWN 3  /* domains that a finding names */
#define LIST_SIZE 600
#define EVENTS_SHOWN 8
#define OVERRIDES_SHOWN 20
#define PERCENT_EVICTING 90 /* from here on the store evicts records */
#define BEHIND_LONG 100     /* states of the store; a view is normally in use for milliseconds */

/* Domains of one kind: how many, and the names of the first ones. */
struct domains {
	size_t count;
	char list[LIST_SIZE];
};

/* What the entries show. */
struct survey {
	int64_t now;
	struct names exempt;
	size_t read, enforced, unreadable;
	bool whole;              /* all entries were read */
	struct domains shadowed; /* exempt, with an enforce policy in force */
	struct domains failing;  /* a policy whose renewal fails, half of its max_age is over */
	struct domains ending;   /* the same, nine tenths are over, mode enforce */
	struct domains ahead;    /* learned at a time that has not come yet */
};

static void domains_add(struct domains *domains, const char *domain)
{
	size_t len = strlen(domains->list);
	if (domains->count++ < NAMES_SHOWN)
		snprintf(domains->list + len, sizeof domains->list - len, "%s%s", len > 0 ? ", " : "", domain);
	else if (domains->count == NAMES_SHOWN + 1)
		snprintf(domains->list + len, sizeof domains->list - len, " and others");
}

/* --- reading the entries ------------------------------------------------------------------------------------------ */

static void entry_survey(struct survey *survey, const struct entry *entry)
{
	bool live = entry->has_policy && entry->policy_expires_at > survey->now;
	bool enforced = live && entry->policy.mode == POLICY_ENFORCE;
	enum refresh_alarm alarm = schedule_refresh_alarm(entry, survey->now);
	survey->enforced += enforced;
	if (enforced && names_cover(&survey->exempt, entry->domain))
		domains_add(&survey->shadowed, entry->domain);
	if (live && entry->fetch_failures > 0 && alarm == REFRESH_ALARM_NINE_TENTHS && enforced)
		domains_add(&survey->ending, entry->domain);
	else if (live && entry->fetch_failures > 0 && alarm != REFRESH_ALARM_NONE)
		domains_add(&survey->failing, entry->domain);
	if (health_time_is_ahead(entry_newest(entry), survey->now))
		domains_add(&survey->ahead, entry->domain);
}

/* Reads the entries of one page. Returns false if the store cannot be read. */
static bool page_survey(struct survey *survey, struct store *store, const struct names *names, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return false;
	bool ok = true;
	for (const char *name = NULL; ok && (name = names_next(names, name));) {
		struct entry entry;
		enum store_found found = store_view_entry(view, name, &entry);
		ok = found != STORE_FAILED || failure_set(why, EX_IOERR, "the entry of %s cannot be read", name);
		survey->unreadable += found == STORE_ABSENT; /* or the daemon has removed it since */
		survey->read++;
		if (found == STORE_FOUND)
			entry_survey(survey, &entry);
		entry_free(&entry);
	}
	store_view_end(&view);
	return ok;
}

static bool store_survey(struct survey *survey, struct store *store, struct failure *why)
{
	char after[DOMAIN_SIZE] = "";
	int64_t until_ms = clock_mono_ms() + SURVEY_MS;
	while (clock_mono_ms() < until_ms && !survey->whole) {
		struct names names = {0};
		bool ok = store_page(store, after, PAGE, &names, why) && page_survey(survey, store, &names, why);
		for (const char *name = NULL; (name = names_next(&names, name));)
			snprintf(after, sizeof after, "%s", name);
		survey->whole = names.count < PAGE;
		names_free(&names);
		if (!ok)
			return false;
	}
	return true;
}

static void survey_report(struct doctor *doctor, const struct survey *survey)
{
	const char *part = survey->whole ? "" : " (of a part of the store: it is large)";
	if (survey->unreadable > 0) {
		doctor_report(doctor, "store-records", DOCTOR_WARN,
			"%zu of %zu entries cannot be read: damaged, or written by a later version%s",
			survey->unreadable, survey->read, part);
		doctor_remedy(doctor, "nothing, if few: their facts are looked up again; if many, look at the disk");
	} else {
		doctor_report(doctor, "store-records", DOCTOR_OK, "%zu entries, %zu enforce policies in force%s",
			survey->read, survey->enforced, part);
	}
	if (survey->ahead.count > 0) {
		doctor_report(doctor, "store-times", DOCTOR_FAIL,
			"%zu domains have entries from the future: %s; this machine's clock is behind, or was ahead",
			survey->ahead.count, survey->ahead.list);
		doctor_remedy(doctor, "set the clock and keep it synchronized; if it is right now, "
				      "`stsgate refresh DOMAIN` renews such an entry");
	} else {
		doctor_report(doctor, "store-times", DOCTOR_OK, "no entry is from the future");
	}
	if (survey->ending.count > 0) {
		doctor_report(doctor, "policies", DOCTOR_FAIL,
			"%zu enforce policies soon expire and cannot be renewed: %s", survey->ending.count,
			survey->ending.list);
		doctor_remedy(doctor, "`stsgate query DOMAIN` shows why; afterwards mail to the domain is unprotected");
	}
	if (survey->failing.count > 0) {
		doctor_report(doctor, "policies", DOCTOR_WARN, "%zu policies cannot be renewed: %s",
			survey->failing.count, survey->failing.list);
		doctor_remedy(doctor, "`stsgate query DOMAIN` shows why");
	}
	if (survey->ending.count + survey->failing.count == 0)
		doctor_report(doctor, "policies", DOCTOR_OK, "all policies in force can be renewed%s", part);
	if (survey->exempt.count == 0) {
		doctor_report(doctor, "exemptions", DOCTOR_OK, "exempt_domains is empty");
	} else if (survey->shadowed.count == 0) {
		doctor_report(doctor, "exemptions", DOCTOR_OK,
			"no domain of exempt_domains has an enforce policy in the store%s", part);
	} else {
		doctor_report(doctor, "exemptions", DOCTOR_WARN,
			"%zu domains of exempt_domains have an enforce policy, which is not applied: %s",
			survey->shadowed.count, survey->shadowed.list);
		doctor_remedy(
			doctor, "remove them from exempt_domains if their mail need not pass unprotected any more");
	}
}

/* --- the store itself --------------------------------------------------------------------------------------------- */

static void usage_check(struct doctor *doctor, struct store *store)
{
	struct store_usage usage;
	struct failure why = {0};
	struct when used, most;
	if (!store_usage(store, &usage, &why)) {
		doctor_report(doctor, "store", DOCTOR_FAIL, "%s", why.text);
		doctor_remedy(doctor, "look at the disk, then restart stsgated: it checks the store");
		return;
	}
	unsigned percent = usage.max_bytes > 0 ? (unsigned)(usage.bytes * 100 / usage.max_bytes) : 0;
	bytes_text(&used, usage.bytes);
	bytes_text(&most, usage.max_bytes);
	if (percent < PERCENT_EVICTING) {
		doctor_report(doctor, "store", DOCTOR_OK, "%s is sound; %" PRIu64 " domains, %s of %s used (%u%%)",
			doctor->settings->store_path, usage.entries, used.text, most.text, percent);
		return;
	}
	doctor_report(doctor, "store", DOCTOR_WARN, "the store is nearly full and evicts records: %s of %s used (%u%%)",
		used.text, most.text, percent);
	doctor_remedy(doctor, "raise store_max_bytes and restart stsgated");
}

static void readers_check(struct doctor *doctor, struct store *store)
{
	struct store_readers readers;
	struct failure why = {0};
	if (!store_readers(store, &readers, &why)) {
		doctor_report(doctor, "store-readers", DOCTOR_SKIP, "%s", why.text);
	} else if (readers.behind > BEHIND_LONG) {
		doctor_report(doctor, "store-readers", DOCTOR_WARN,
			"process %ld reads a state of the store that is %" PRIu64
			" changes old; the store grows meanwhile",
			(long)readers.pid, readers.behind);
		doctor_remedy(doctor, "end that process, or let it continue if it is a stopped stsgate (`ps %ld`)",
			(long)readers.pid);
	} else if (readers.count > STORE_READERS * 9 / 10) {
		doctor_report(doctor, "store-readers", DOCTOR_WARN, "%u of %u views are in use", readers.count,
			STORE_READERS);
		doctor_remedy(
			doctor, "end other processes that read the store, such as instances of stsgate that hang");
	} else {
		doctor_report(doctor, "store-readers", DOCTOR_OK, "%u of %u views are in use, none of them old",
			readers.count, STORE_READERS);
	}
}

static void event_report(struct doctor *doctor, const struct event_record *event, int64_t now)
{
	struct when ago;
	doctor_report(doctor, "events", DOCTOR_WARN, "%s%s%s, %s ago: %s", event_name(event->kind),
		*event->domain ? " for " : "", event->domain, when_span(&ago, schedule_age(event->last_at, now)),
		event->detail);
	doctor_remedy(doctor, "%s", event_advice(event->kind));
}

static void events_check(struct doctor *doctor, struct store *store, int64_t now)
{
	struct failure why = {0};
	size_t count = 0, found = 0;
	struct event_record *events = store_events(store, &count, &why);
	if (!events) {
		doctor_report(doctor, "events", DOCTOR_SKIP, "%s", why.text);
		return;
	}
	for (size_t i = count; i-- > 0;) {
		if (event_severity(events[i].kind) != EVENT_ERROR || events[i].last_at < now - DAY_S)
			continue;
		if (++found <= EVENTS_SHOWN)
			event_report(doctor, &events[i], now);
	}
	if (found == 0)
		doctor_report(doctor, "events", DOCTOR_OK, "no event of severity error during the last day");
	if (found > EVENTS_SHOWN) {
		doctor_report(doctor, "events", DOCTOR_WARN, "%zu more events of severity error during the last day",
			found - EVENTS_SHOWN);
		doctor_remedy(doctor, "`stsgate events --since 1d` lists all");
	}
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
	free(running);
}

/* Reports an override that is in force. One that releases the mail of all domains, or that has lasted for a day, may have
 * been forgotten. */
static void override_report(struct doctor *doctor, const struct override *override, int64_t now)
{
	struct quote author, reason;
	struct when end;
	bool all = strcmp(override->domain, OVERRIDE_ALL) == 0;
	bool old = schedule_age(override->begins_at, now) > DAY_S;
	bool warn = override_releases(override->kind) && (all || old);
	doctor_report(doctor, "overrides", warn ? DOCTOR_WARN : DOCTOR_OK, "%s for %s until %s, by %s: %s",
		override_kind_name(override->kind), all ? "all domains" : override->domain,
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

/* --- around the store --------------------------------------------------------------------------------------------- */

static void space_check(struct doctor *doctor)
{
	const char *directory = doctor->settings->store_path;
	char path[PATH_MAX];
	struct statvfs system;
	struct stat file = {.st_size = 0};
	struct when left, most;
	if (statvfs(directory, &system) != 0) {
		doctor_report(doctor, "store-space", DOCTOR_SKIP, "%s: %s", directory, strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "%s/" STORE_FILE, directory);
	if (stat(path, &file) != 0)
		file.st_size = 0;
	uint64_t bytes = (uint64_t)system.f_bavail * system.f_frsize;
	enum doctor_result result = judge_space(bytes, (uint64_t)file.st_size, doctor->settings->store_max_bytes);
	doctor_report(doctor, "store-space", result, "%s left on the file system of %s; the store may grow to %s",
		bytes_text(&left, bytes), directory, bytes_text(&most, doctor->settings->store_max_bytes / 4 * 5));
	if (result != DOCTOR_OK)
		doctor_remedy(doctor, "make room, or lower store_max_bytes; with a full disk nothing new is stored");
}

/* Only root can know what the daemon's user may do. */
static void owner_check(struct doctor *doctor)
{
	const char *directory = doctor->settings->store_path;
	char path[PATH_MAX];
	struct stat place, file;
	struct identity identity;
	bool known = geteuid() == 0 && privileges_find(&identity, doctor->settings, NULL) && identity.drop;
	if (stat(directory, &place) != 0) {
		doctor_report(doctor, "store-owner", DOCTOR_SKIP, "%s: %s", directory, strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "%s/" STORE_FILE, directory);
	if (lstat(path, &file) != 0)
		file = place;
	if (place.st_mode & S_IWOTH) {
		doctor_report(
			doctor, "store-owner", DOCTOR_FAIL, "every user of this machine can change %s", directory);
		doctor_remedy(doctor, "chmod 0700 %s", directory);
	} else if (known && (place.st_uid != identity.uid || file.st_uid != identity.uid)) {
		doctor_report(doctor, "store-owner", DOCTOR_FAIL,
			"%s does not belong to the user %s (uid %u), but to uid %u",
			place.st_uid != identity.uid ? directory : path, identity.user, (unsigned)identity.uid,
			(unsigned)(place.st_uid != identity.uid ? place.st_uid : file.st_uid));
		doctor_remedy(doctor, "chown -R %s: %s", identity.user, directory);
	} else {
		doctor_report(doctor, "store-owner", known ? DOCTOR_OK : DOCTOR_SKIP,
			known ? "%s belongs to the daemon's user"
			      : "%s: this check needs root, and a setting user that names an unprivileged user",
			directory);
	}
}

/* Files that were moved aside stay until somebody deletes them. */
static void aside_check(struct doctor *doctor)
{
	struct quote quote;
	char name[256] = "";
	DIR *directory = opendir(doctor->settings->store_path);
	if (!directory) {
		doctor_report(
			doctor, "store-aside", DOCTOR_SKIP, "%s: %s", doctor->settings->store_path, strerror(errno));
		return;
	}
	for (const struct dirent *file; (file = readdir(directory));)
		if (strncmp(file->d_name, STORE_FILE ".damaged-", strlen(STORE_FILE ".damaged-")) == 0)
			snprintf(name, sizeof name, "%s", file->d_name);
	closedir(directory);
	if (*name == '\0') {
		doctor_report(doctor, "store-aside", DOCTOR_OK, "no damaged store lies beside the store");
		return;
	}
	doctor_report(
		doctor, "store-aside", DOCTOR_WARN, "a damaged store was moved aside: %s", quote_string(&quote, name));
	doctor_remedy(doctor, "look at the disk, and delete the file when you no longer need it");
}

static void report_unreadable(struct doctor *doctor, const struct failure *why)
{
	doctor_report(doctor, "store-records", DOCTOR_FAIL, "%s", why->text);
	doctor_remedy(doctor, "look at the disk, then restart stsgated: it checks the store");
}

void doctor_store(struct doctor *doctor)
{
	struct failure why = {0};
	struct survey survey = {.now = clock_wall_s()};
	owner_check(doctor);
	space_check(doctor);
	aside_check(doctor);
	struct store *store =
		store_open(doctor->settings->store_path, doctor->settings->store_max_bytes, STORE_GUEST, &why);
	if (!store) {
		bool failed = geteuid() == 0 || why.code != EX_NOPERM;
		doctor_report(doctor, "store", failed ? DOCTOR_FAIL : DOCTOR_SKIP, "%s", why.text);
		if (failed)
			doctor_remedy(doctor, why.code == EX_NOINPUT ? "stsgated makes the store when it starts"
								     : "correct this, then restart stsgated");
		return;
	}
	usage_check(doctor, store);
	readers_check(doctor, store);
	running_check(doctor, store);
	overrides_check(doctor, store, survey.now);
	events_check(doctor, store, survey.now);
	if (!config_names(&survey.exempt, "exempt_domains", &doctor->settings->exempt_domains, &why)) {
		doctor_report(doctor, "exemptions", DOCTOR_FAIL, "%s", why.text);
		doctor_remedy(doctor, "correct the setting");
	}
	if (store_survey(&survey, store, &why))
		survey_report(doctor, &survey);
	else
		report_unreadable(doctor, &why);
}
