/* What became of a report, or what will: from the rows of the store, and the settings. */
#include "clock.h"
#include "config.h"
#include "output.h"
#include "report_parts.h"
#include "tlsrpt_compose.h"

#include <stdlib.h>
#include <string.h>

static int row_compare(const void *a, const void *b)
{
	const struct tlsrpt_send *left = a, *right = b;
	if (left->day != right->day)
		return left->day < right->day ? -1 : 1;
	int order = strcmp(left->domain, right->domain);
	return order != 0 ? order : strcmp(left->address, right->address);
}

bool report_states_open(
	struct report_states *states, struct store *store, const struct settings *settings, struct failure *why)
{
	*states = (struct report_states){.settings = settings, .now = clock_wall_s()};
	if (!config_names(&states->domains, "report_domains", &settings->report_domains, why) ||
		!config_names(&states->exclude, "report_exclude", &settings->report_exclude, why))
		return false;
	states->rows = store_tlsrpt_sends(store, &states->count, why);
	if (states->rows && states->count > 0)
		qsort(states->rows, states->count, sizeof *states->rows, row_compare);
	return states->rows != NULL;
}

void report_states_close(struct report_states *states)
{
	free(states->rows);
	names_free(&states->domains);
	names_free(&states->exclude);
}

/* Returns what holds for a report that has no row. */
static struct report_state state_expected(
	const struct report_states *states, const struct tlsrpt_tally *tally, const struct report_address *address)
{
	const struct settings *settings = states->settings;
	const struct tlsrpt_send_rules rules = {
		settings->report_when == REPORT_ALWAYS, &states->domains, &states->exclude};
	bool failures = tlsrpt_compose_has_failures(tally, address->text);
	enum tlsrpt_wanted wanted = tlsrpt_send_wanted(&rules, tally->domain, failures);
	if (!settings_send_reports(settings))
		return (struct report_state){.name = "off"};
	if (wanted == TLSRPT_EXCLUDED)
		return (struct report_state){.name = "excluded"};
	if (wanted == TLSRPT_NO_FAILURES)
		return (struct report_state){.name = "no-failures"};
	return (struct report_state){
		.name = tlsrpt_send_state_name(TLSRPT_WAITING),
		.next_at = tlsrpt_send_due_at((int32_t)tally->day, tally->domain, settings->report_from),
	};
}

struct report_state report_state_of(
	const struct report_states *states, const struct tlsrpt_tally *tally, const struct report_address *address)
{
	struct tlsrpt_send wanted = {.day = (int32_t)tally->day};
	memcpy(wanted.domain, tally->domain, sizeof wanted.domain);
	memcpy(wanted.address, address->text, sizeof wanted.address);
	const struct tlsrpt_send *row = bsearch(&wanted, states->rows, states->count, sizeof wanted, row_compare);
	if (!row)
		return state_expected(states, tally, address);
	return (struct report_state){
		.name = tlsrpt_send_state_name(row->state),
		.attempts = row->attempts,
		.last_at = row->last_at,
		.next_at = tlsrpt_send_is_over(row->state) ? 0 : row->next_at,
		.detail = row->detail,
	};
}

const char *report_state_when(const struct report_state *state, struct when *when)
{
	return state->next_at != 0   ? when_date(when, state->next_at)
	       : state->last_at != 0 ? when_date(when, state->last_at)
				     : "-";
}
