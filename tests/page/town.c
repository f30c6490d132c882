#include "town.h"

#include "clock.h"
#include "question.h"
#include "report.h"
#include "steps.h"
#ifdef PAGE_NETWORKS
#include "network_writer.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGE_S 600
#define POLICY_ID "20261101T080000"
#define HOSTS_OF_PROVIDER 4

static const struct provider {
	const char *suffix, *prefix; /* of its addresses */
	uint32_t asn;
	const char *as_name, *country;
} providers[] = {
	{"mail.bigbox.example", "192.0.2.", 64496, "BIGBOX Mail Platform", "US"},
	{"in.northpost.example", "198.51.100.", 64497, "Northpost AS", "NO"},
	{"mx.hosterei.example", "203.0.113.", 64498, "Hosterei Rechenzentrum GmbH", "DE"},
	{"relay.campus.example", "192.0.2.", 64499, "Research Network", "NL"},
	{"smtp.poste-claire.example", "198.51.100.", 64500, "Poste Claire SA", "FR"},
	{"own.example", "203.0.113.", 64501, "<img src=x onerror=alert(\"network\")> & Sons", "GB"},
};
#define PROVIDERS (sizeof providers / sizeof providers[0])

/* --- one domain ------------------------------------------------------------------------------------------------- */

static void mx_learn(struct entry *entry, const struct household *household, int64_t now)
{
	struct mx_found found = {.set = {.state = MX_LISTED, .ttl_s = 3600}};
	for (unsigned i = 0; i < 3 && household->host[i]; i++) {
		found.set.preference[i] = (uint16_t)(10 * (i + 1));
		names_add(&found.set.names, household->host[i], strlen(household->host[i]));
	}
	entry_learn_mx(entry, &found, now - AGE_S);
	mx_found_free(&found);
}

static void policy_learn(struct entry *entry, const struct household *household, int64_t now)
{
	char text[1024];
	snprintf(text, sizeof text, "version: STSv1\r\nmode: %s\r\nmax_age: %u\r\n", policy_mode_name(household->mode),
		household->max_age_s ? household->max_age_s : 604800);
	for (unsigned i = 0; i < 3 && household->host[i]; i++) {
		size_t used = strlen(text);
		if (household->host[i][0] != '"')
			snprintf(text + used, sizeof text - used, "mx: %s\r\n", household->host[i]);
	}
	if (household->line)
		strncat(text, household->line, sizeof text - strlen(text) - 1);
	struct policy_found found = {.text = text, .text_len = (uint32_t)strlen(text)};
	if (!policy_parse(&found.policy, text, found.text_len, NULL))
		abort();
	entry_learn_policy(entry, &found, POLICY_ID, now - household->fetched_ago_s - AGE_S);
	policy_free(&found.policy);
}

static void entry_fill(struct entry *entry, void *arg)
{
	const struct household *household = arg;
	int64_t now = clock_wall_s();
	struct record_found record = {.outcome = REASON_NO_RECORD, .ttl_s = 3600};
	if (household->host[0]) {
		record = (struct record_found){.outcome = REASON_OK, .ttl_s = 3600};
		snprintf(record.record.id, sizeof record.record.id, POLICY_ID);
		policy_learn(entry, household, now);
		mx_learn(entry, household, now);
		entry->due_at = now - household->due_ago_s;
	}
	entry_learn_record(entry, &record, now - AGE_S);
	for (uint32_t i = 0; i < household->failures; i++) {
		struct policy_found failed = {.outcome = REASON_POLICY_FETCH};
		snprintf(failed.detail, sizeof failed.detail, "%s", household->fetch_detail);
		entry_learn_policy(entry, &failed, POLICY_ID, now - AGE_S);
	}
	entry_learn_use(entry, now - 3 * 86400);
	entry_learn_use(entry, now);
}

bool town_settle(struct store *store, const struct household *household, struct failure *why)
{
	struct household copy = *household;
	return store_change_entry(store, household->domain, entry_fill, &copy, why);
}

/* --- one mail host ---------------------------------------------------------------------------------------------- */

static void probe_learn(struct hop_record *record, const struct post_office *office, enum reason reason, int64_t ago_s)
{
	int64_t now = clock_wall_s();
	struct evidence seen = {.at = now - ago_s, .reason = reason, .asn = office->asn};
	snprintf(seen.address, sizeof seen.address, "%s", office->address);
	snprintf(seen.country, sizeof seen.country, "%s", office->country);
	if (reason != REASON_STARTTLS_MISSING) {
		seen.protocol = 0x0304;
		seen.not_after = now + (reason == REASON_CERT_EXPIRED ? -2 : 60) * 86400;
		snprintf(seen.cipher, sizeof seen.cipher, "TLS_AES_256_GCM_SHA384");
		snprintf(seen.names, sizeof seen.names, "%s", office->names ? office->names : office->host);
		snprintf(seen.issuers, sizeof seen.issuers, "%s",
			office->issuers ? office->issuers : "CN=R12, O=Lets Test");
	}
	if (reason != REASON_OK && office->text)
		snprintf(seen.text, sizeof seen.text, "%s", office->text);
	hop_record_learn(record, &seen);
}

static void hop_fill(struct hop_record *record, void *arg)
{
	const struct post_office *office = arg;
	probe_learn(record, office, REASON_OK, office->reason == REASON_OK ? office->ago_s : 86400);
	if (office->reason != REASON_OK)
		probe_learn(record, office, office->reason, office->ago_s);
}

bool town_open(struct store *store, const struct post_office *office, struct failure *why)
{
	struct post_office copy = *office;
	return store_change_hop(store, office->host, QUESTION_PORT, hop_fill, &copy, why);
}

/* --- all of them ------------------------------------------------------------------------------------------------ */

static void provider_host(char out[TOWN_NAME_SIZE], unsigned provider, unsigned host)
{
	snprintf(out, TOWN_NAME_SIZE, "mx%u.%s", host + 1, providers[provider].suffix);
}

static bool offices_open(struct store *store, struct failure *why)
{
	for (unsigned i = 0; i < PROVIDERS * HOSTS_OF_PROVIDER; i++) {
		unsigned provider = i / HOSTS_OF_PROVIDER, number = i % HOSTS_OF_PROVIDER;
		char host[TOWN_NAME_SIZE], address[TOWN_NAME_SIZE];
		provider_host(host, provider, number);
		snprintf(address, sizeof address, "%s%u", providers[provider].prefix, 25 + i);
		const struct post_office office = {.host = host,
			.address = address,
			.asn = providers[provider].asn,
			.country = providers[provider].country,
			.reason = i % 13 == 12 ? REASON_CERT_EXPIRED : REASON_OK,
			.ago_s = AGE_S};
		if (!town_open(store, &office, why))
			return false;
	}
	return true;
}

static void town_name(char out[TOWN_NAME_SIZE], unsigned i)
{
	static const char *const first[] = {
		"harbour", "lantern", "meadow", "copper", "willow", "granite", "linden", "falcon"};
	static const char *const second[] = {
		"bakery", "clinic", "school", "books", "legal", "museum", "transport", "energy"};
	snprintf(out, TOWN_NAME_SIZE, "%s-%s-%04u.example", first[i % 8], second[i / 8 % 8], i);
}

bool town_found(struct store *store, unsigned count, struct failure *why)
{
	if (!offices_open(store, why))
		return false;
	for (unsigned i = 0; i < count; i++) {
		char domain[TOWN_NAME_SIZE], one[TOWN_NAME_SIZE], two[TOWN_NAME_SIZE];
		unsigned provider = i / 3 % PROVIDERS;
		town_name(domain, i);
		provider_host(one, provider, i % 2);
		provider_host(two, provider, 2);
		const struct household household = {.domain = domain,
			.host = {i % 5 < 3 ? NULL : one, two, NULL},
			.mode = i % 50 == 3   ? POLICY_NONE
				: i % 10 == 4 ? POLICY_TESTING
					      : POLICY_ENFORCE,
			.fetched_ago_s = i % 7 * 3600,
			.due_ago_s = -86400};
		if (!town_settle(store, &household, why))
			return false;
	}
	return true;
}

/* Returns how many of `noon` deliveries there are at a time of the day: a quarter at night, with some noise. */
static unsigned traffic(unsigned noon, int64_t at)
{
	unsigned minute = (unsigned)(at / 60 % 1440), from_noon = minute > 720 ? minute - 720 : 720 - minute;
	unsigned day = from_noon < 480 ? noon - noon * 3 / 4 * from_noon / 480 : noon / 4;
	return day * (90 + (unsigned)(at / SNAPSHOT_STEP_S * 7 % 23)) / 100;
}

/* Counts `count` answers, of which a few need a lookup. */
static void answers_count(struct metrics_values *values, enum verdict_door door, unsigned count, unsigned slow)
{
	*metrics_in(values, METRIC_ANSWER_SECONDS, door, 0, 0) = count * 2 / 3;
	*metrics_in(values, METRIC_ANSWER_SECONDS, door, 1, 0) = count / 3;
	*metrics_in(values, METRIC_ANSWER_SECONDS, door, 7, 0) = count * slow / 100; /* up to 0.5 s */
	*metrics_in(values, METRIC_ANSWER_SECONDS, door, 9, 0) = count * slow / 600; /* up to 5 s */
}

static void step_count(struct metrics_values *values, unsigned noon, int64_t at, const struct town_trouble *troubles,
	size_t count, int64_t now)
{
	unsigned level = traffic(noon, at);
	memset(values, 0, sizeof *values);
	*metrics_in(values, METRIC_VERDICTS, PURPOSE_MAP, VERDICT_PASS, REASON_OK) = level / 4;
	*metrics_in(values, METRIC_VERDICTS, PURPOSE_MAP, VERDICT_NONE, REASON_NO_RECORD) = level - level / 4;
	for (size_t i = 0; i < count; i++)
		if (at >= now - troubles[i].from_ago_s && at < now - troubles[i].to_ago_s)
			*metrics_in(values, METRIC_VERDICTS, PURPOSE_DELIVER, troubles[i].kind, troubles[i].reason) =
				troubles[i].each;
	answers_count(values, DOOR_MAP, level, 1);
	answers_count(values, DOOR_MILTER, level / 2, 4);
}

bool town_day(
	struct store *store, unsigned noon, const struct town_trouble *troubles, size_t count, struct failure *why)
{
	static struct snapshot_counts counts, none;
	static struct metrics_values values;
	int64_t now = clock_wall_s();
	bool put = true;
	for (int ago = STEPS_DAY - 1; put && ago >= 0; ago--) {
		counts.at = none.at = now - (int64_t)ago * SNAPSHOT_STEP_S;
		step_count(&values, noon, counts.at, troubles, count, now);
		metrics_write_lines(&counters_names, &values, counts.lines, store_step_room(store));
		put = store_put_counts(store, &none, &none, &counts, why);
	}
	return put;
}

void town_map(const char *path)
{
#ifdef PAGE_NETWORKS
	static const char *const addresses[] = {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"};
	struct network_row row[PROVIDERS + 1] = {{0}};
	char prefix[PROVIDERS][TOWN_NAME_SIZE];
	for (unsigned i = 0; i < PROVIDERS; i++) {
		snprintf(prefix[i], sizeof prefix[i], "%.*s%u/28", (int)strlen(addresses[i % 3]) - 4, addresses[i % 3],
			16 * (i + 1));
		row[i] = (struct network_row){.prefix = prefix[i],
			.asn = providers[i].asn,
			.as_name = providers[i].as_name,
			.country = providers[i].country};
	}
	network_replace(path, row);
#else
	(void)path;
#endif
}
