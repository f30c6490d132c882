#include "overview.h"

#include "advice.h"
#include "census_json.h"
#include "clock.h"
#include "json_value.h"
#include "open_signs.h"
#include "overrides_shown.h"
#include "plots.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

#define SENTENCE_SIZE 1200
#define ADVICE_SIZE 2048

static json_t *number(uint64_t value)
{
	return json_made(json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value)));
}

/* --- this relay --------------------------------------------------------------------------------------------------- */

static json_t *state_json(const struct config *config)
{
	json_t *object = json_made(json_object()), *conditions = json_made(json_array());
	for (unsigned i = 0; i < LABEL_CONDITION_VALUES; i++) {
		const char *name = counters_names.name[LABEL_CONDITION](i);
		if (name && metrics_read(METRIC_DEGRADED, i, 0, 0) != 0)
			json_add(conditions, json_text(name));
	}
	json_put(object, "healthy", json_boolean(json_array_size(conditions) == 0));
	json_put(object, "conditions", conditions);
	json_put(object, "host", json_text(config->host));
	json_put(object, "mode", json_text(config->settings->mode == MODE_MONITOR ? "monitor" : "enforce"));
	json_put(object, "started_at", json_when((int64_t)metrics_read(METRIC_START_TIME, 0, 0, 0)));
	return object;
}

/* Whether the shared store can be reached, and how many relays are there; null if nothing is shared. */
static json_t *sharing_json(void)
{
	int64_t since = (int64_t)metrics_read(METRIC_FLEET_CHANGED, 0, 0, 0);
	if (since == 0)
		return NULL;
	json_t *object = json_made(json_object());
	json_put(object, "works", json_boolean(metrics_read(METRIC_FLEET_UP, 0, 0, 0) != 0));
	json_put(object, "since", json_when(since));
	json_put(object, "relays", number(metrics_read(METRIC_FLEET_NODES, 0, 0, 0)));
	json_put(object, "silent", number(metrics_read(METRIC_FLEET_NODES, 1, 0, 0)));
	return object;
}

/* --- mail that waits, or would wait ------------------------------------------------------------------------------- */

static json_t *sentence_json(const struct verdict_record *record)
{
	char words[SENTENCE_SIZE];
	struct text text;
	text_init(&text, words, sizeof words);
	if (reason_class(record->reason) != REASON_GENERAL) {
		text_add(&text, *record->hop ? "" : "the mail host");
		if (*record->hop)
			text_quote(&text, record->hop, strlen(record->hop), DOMAIN_SIZE);
		text_add(&text, " ");
	}
	text_add(&text, reason_sentence(record->reason));
	return json_text(words);
}

static json_t *advice_json(const struct verdict_record *record)
{
	char words[ADVICE_SIZE];
	struct text text;
	struct advice_names names = {advice_name(record->domain), advice_name(record->hop)};
	text_init(&text, words, sizeof words);
	advice_add(&text, reason_here(record->reason), &names);
	return json_text(words);
}

static json_t *mail_json(const struct verdict_record *record)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(record->domain));
	json_put(object, "reason", json_text(reason_name(record->reason)));
	json_put(object, "sentence", sentence_json(record));
	json_put(object, "advice", advice_json(record));
	json_put(object, "hop", json_text(record->hop));
	json_put(object, "frontend", json_text(verdict_door_name(record->door)));
	json_put(object, "verdict", json_text(verdict_name(record->kind)));
	json_put(object, "action", json_text(deed_name(record->deed)));
	json_put(object, "would", json_text(deed_name(record->would)));
	json_put(object, "first_at", json_when(record->first_at));
	json_put(object, "last_at", json_when(record->last_at));
	json_put(object, "count", number(record->count));
	return object;
}

/* Merges the records of each domain into the newest one. Of these keeps the reason; of all, the times and the number. */
static size_t records_by_domain(struct verdict_record *record, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct verdict_record *first = NULL;
		for (size_t k = 0; k < kept && !first; k++)
			if (strcmp(record[k].domain, record[i].domain) == 0)
				first = &record[k];
		if (!first) {
			record[kept++] = record[i];
			continue;
		}
		first->count =
			record[i].count > UINT32_MAX - first->count ? UINT32_MAX : first->count + record[i].count;
		if (record[i].first_at < first->first_at)
			first->first_at = record[i].first_at;
	}
	return kept;
}

typedef bool record_test(const struct verdict_record *record, int64_t now);

/* Lists the domains with records that pass the test, the one with the newest record first. */
static json_t *mails_json(const struct overview_parts *parts, record_test *test, int64_t now, struct failure *why)
{
	size_t count = 0, all = 0;
	struct verdict_record *record = store_verdicts(parts->store, &all, why);
	if (!record)
		return NULL;
	for (size_t i = 0; i < all; i++)
		if (test(&record[i], now))
			record[count++] = record[i];
	count = records_by_domain(record, count);
	json_t *object = json_made(json_object()), *domains = json_made(json_array());
	for (size_t i = 0; i < count && i < parts->rows; i++)
		json_add(domains, mail_json(&record[i]));
	json_put(object, "count", number(count));
	json_put(object, "domains", domains);
	free(record);
	return object;
}

/* --- signs and overrides ------------------------------------------------------------------------------------------ */

/* Lists the signs that are not over, newest first; not those that are part of another event. */
static json_t *signs_json(const struct overview_parts *parts, struct failure *why)
{
	size_t all = 0, count = 0;
	struct event_record *sign = open_signs(parts->store, NULL, &all, why);
	if (!sign)
		return NULL;
	json_t *object = json_made(json_object()), *events = json_made(json_array());
	for (size_t i = all; i-- > 0;) {
		if (sign[i].part_of != 0)
			continue;
		if (count++ < parts->rows)
			json_add(events, event_object(&sign[i]));
	}
	json_put(object, "count", number(count));
	json_put(object, "events", events);
	free(sign);
	return object;
}

static json_t *overrides_json(const struct overview_parts *parts, int64_t now, struct failure *why)
{
	size_t count = 0;
	struct override *row = overrides_in_force(parts->store, now, &count, why);
	if (!row)
		return NULL;
	json_t *object = json_made(json_object()), *overrides = json_made(json_array());
	for (size_t i = 0; i < count && i < parts->rows; i++)
		json_add(overrides, override_json(&row[i], now));
	json_put(object, "count", number(count));
	json_put(object, "overrides", overrides);
	free(row);
	return object;
}

/* --- what the store holds ----------------------------------------------------------------------------------------- */

static json_t *networks_json(
	const struct overview_parts *parts, const struct census *census, const struct config *config)
{
	json_t *object = json_made(json_object());
	json_put(object, "count", number(census->network_count));
	json_put(object, "networks", census_networks_json(census, config->networks, parts->rows));
	return object;
}

/* Adds what the newest census shows; null if there is none yet. */
static void census_put(json_t *object, const struct overview_parts *parts, const struct config *config)
{
	struct census *census = census_latest(parts->census);
	json_put(object, "counted_at", census ? json_when(census->at) : NULL);
	json_put(object, "refresh", census ? census_refresh_json(census) : NULL);
	json_put(object, "domains", census ? census_domains_json(census) : NULL);
	json_put(object, "hops", census ? census_hops_json(census) : NULL);
	json_put(object, "networks", census ? networks_json(parts, census, config) : NULL);
	free(census);
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

static json_t *report_json(const struct tlsrpt_send *row)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(row->domain));
	json_put(object, "address", json_text(row->address));
	json_put(object, "state", json_text(tlsrpt_send_state_name(row->state)));
	json_put(object, "attempts", number(row->attempts));
	json_put(object, "last_at", json_when(row->last_at));
	json_put(object, "next_at", json_when(tlsrpt_send_is_over(row->state) ? 0 : row->next_at));
	json_put(object, "detail", json_text(row->detail));
	return object;
}

struct report_counts {
	uint64_t sent, waiting, failed;
	int64_t oldest_due_at;
};

static void report_count(struct report_counts *counts, const struct tlsrpt_send *row, int64_t now)
{
	int64_t since = tlsrpt_send_waits_since(row);
	counts->sent += row->state == TLSRPT_SENT;
	counts->failed += row->state == TLSRPT_RETRY || row->state == TLSRPT_GIVEN_UP;
	if (since == 0 || since > now)
		return;
	counts->waiting++;
	if (counts->oldest_due_at == 0 || since < counts->oldest_due_at)
		counts->oldest_due_at = since;
}

/* Counts the reports of which the store has rows, and lists those that could not be sent, newest day first. */
static json_t *reports_json(const struct overview_parts *parts, const struct config *config, int64_t now)
{
	static const char *const modes[] = {[TLSRPT_OFF] = "off", [TLSRPT_FEED] = "feed", [TLSRPT_COLLECT] = "collect"};
	struct report_counts counts = {0};
	size_t count = 0;
	struct tlsrpt_send *rows = store_tlsrpt_sends(parts->store, &count, NULL);
	json_t *object = json_made(json_object()), *list = json_made(json_array());
	for (size_t i = rows ? count : 0; i-- > 0;) {
		uint64_t failed = counts.failed;
		report_count(&counts, &rows[i], now);
		if (counts.failed > failed && failed < parts->rows)
			json_add(list, report_json(&rows[i]));
	}
	json_put(object, "tlsrpt", json_text(modes[config->settings->tlsrpt]));
	json_put(object, "sends", json_boolean(settings_send_reports(config->settings)));
	json_put(object, "sent", number(counts.sent));
	json_put(object, "waiting", number(counts.waiting));
	json_put(object, "oldest_due_at", json_when(counts.oldest_due_at));
	json_put(object, "count", number(counts.failed));
	json_put(object, "failed", list);
	free(rows);
	return object;
}

/* --- everything --------------------------------------------------------------------------------------------------- */

json_t *overview_json(const struct overview_parts *parts, struct failure *why)
{
	int64_t now = clock_wall_s();
	json_t *waiting = mails_json(parts, verdict_record_waits, now, why);
	json_t *would_wait = waiting ? mails_json(parts, verdict_record_would_wait, now, why) : NULL;
	json_t *signs = would_wait ? signs_json(parts, why) : NULL;
	json_t *overrides = signs ? overrides_json(parts, now, why) : NULL;
	if (!overrides) {
		json_decref(signs);
		json_decref(would_wait);
		json_decref(waiting);
		return NULL;
	}
	struct config *config = check_config(parts->check);
	json_t *object = json_made(json_object());
	json_put(object, "now", json_when(now));
	json_put(object, "version", json_text(PACKAGE_VERSION));
	json_put(object, "state", state_json(config));
	json_put(object, "sharing", sharing_json());
	json_put(object, "waiting", waiting);
	json_put(object, "would_wait", would_wait);
	json_put(object, "signs", signs);
	json_put(object, "overrides", overrides);
	census_put(object, parts, config);
	json_put(object, "reports", reports_json(parts, config, now));
	json_put(object, "plots", plots_json(parts->store, now, NULL));
	config_unref(&config);
	return object;
}
