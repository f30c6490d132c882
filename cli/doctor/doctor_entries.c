#include "doctor_entries.h"

#include "clock.h"
#include "config.h"
#include "health.h"
#include "schedule.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define PAGE 256
#define SURVEY_MS 8000 /* for reading all entries; a large store is read in part */
#define NAMES_SHOWN 3  /* domains that a finding names */
#define LIST_SIZE 600

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
		doctor_remedy(doctor,
			"if they are few, do nothing: their data is looked up again; if they are many, look at the disk");
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
		doctor_remedy(doctor,
			"`stsgate query DOMAIN` shows why; once its policy has expired, mail to the domain is unprotected");
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
		doctor_remedy(doctor, "remove them from exempt_domains, unless their mail must still pass unprotected");
	}
}

void doctor_entries(struct doctor *doctor, struct store *store)
{
	struct failure why = {0};
	struct survey survey = {.now = clock_wall_s()};
	if (!config_names(&survey.exempt, "exempt_domains", &doctor->settings->exempt_domains, &why)) {
		doctor_report(doctor, "exemptions", DOCTOR_FAIL, "%s", why.text);
		doctor_remedy(doctor, "correct the setting");
	}
	if (store_survey(&survey, store, &why)) {
		survey_report(doctor, &survey);
	} else {
		doctor_report(doctor, "store-records", DOCTOR_FAIL, "%s", why.text);
		doctor_remedy(doctor, "look at the disk, then restart stsgated: it checks the store");
	}
	names_free(&survey.exempt);
}
