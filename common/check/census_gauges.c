#include "census_gauges.h"

#include "metrics.h"

#include <stdlib.h>

static void gauge(enum metric metric, unsigned label, uint64_t value)
{
	metrics_set(metric, label, 0, 0, value);
}

/* Returns how long something has lasted since `since`; 0 if `since` is 0. */
static uint64_t lasts_s(int64_t since, int64_t now)
{
	return since != 0 && since < now ? (uint64_t)(now - since) : 0;
}

void census_gauges_set(const struct census *census)
{
	uint64_t in_force = 0;
	for (unsigned mode = 0; mode < CENSUS_MODES; mode++) {
		gauge(METRIC_DOMAINS, mode, census->in_force[mode]);
		in_force += census->in_force[mode];
	}
	gauge(METRIC_DOMAINS, CENSUS_NO_POLICY, census->domains - in_force);
	gauge(METRIC_DOMAINS_FAILING, 0, census->failing);
	gauge(METRIC_POLICIES_EXPIRING, 0, census->expiring);
	gauge(METRIC_REFRESH_DUE, 0, census->due);
	gauge(METRIC_REFRESH_OLDEST, 0, lasts_s(census->oldest_due_at, census->at));
	for (unsigned state = 0; state < CENSUS_HOPS; state++)
		gauge(METRIC_HOPS, state, census->hops[state]);
}

static void signs_set(struct store *store)
{
	uint64_t open[EVENT_ERROR + 1] = {0};
	size_t count = 0;
	struct event_record *events = store_events(store, &count, NULL);
	for (size_t i = 0; events && i < count; i++)
		if (event_is_open_sign(&events[i]) && events[i].part_of == 0)
			open[events[i].severity]++;
	for (unsigned severity = 0; events && severity <= EVENT_ERROR; severity++)
		gauge(METRIC_SIGNS_OPEN, severity, open[severity]);
	free(events);
}

void census_gauges_mail(struct store *store, int64_t now)
{
	struct census_mail mail;
	size_t count = 0;
	struct verdict_record *records = store_verdicts(store, &count, NULL);
	if (records)
		census_mail(&mail, records, count, now);
	for (unsigned reason = 0; records && reason < REASON_COUNT; reason++) {
		gauge(METRIC_DOMAINS_WAITING, reason, mail.waiting[reason]);
		gauge(METRIC_DOMAINS_WOULD_WAIT, reason, mail.would_wait[reason]);
	}
	free(records);
	signs_set(store);
}

void census_gauges_reports(struct store *store, bool sent, int64_t now)
{
	size_t count = 0, waiting = 0;
	int64_t oldest = 0;
	struct tlsrpt_send *rows = sent ? store_tlsrpt_sends(store, &count, NULL) : NULL;
	if (sent && !rows)
		return;
	for (size_t i = 0; i < count; i++) {
		int64_t since = tlsrpt_send_waits_since(&rows[i]);
		if (since == 0 || since > now)
			continue;
		waiting++;
		oldest = oldest == 0 || since < oldest ? since : oldest;
	}
	gauge(METRIC_REPORTS_WAITING, 0, waiting);
	gauge(METRIC_REPORTS_OLDEST, 0, lasts_s(oldest, now));
	free(rows);
}
