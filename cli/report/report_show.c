/* report show: the report about a domain and a day, as each of its addresses gets it. */
#include "clock.h"
#include "domains.h"
#include "host_name.h"
#include "output.h"
#include "report_parts.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DAYS_AHEAD 1 /* the clock may have been set back */

/* Finds the tally of a day, or the newest one if `day` is NULL. The caller frees `tally` in any case. */
static enum store_found tally_find(
	struct store *store, const char *domain, const int64_t *day, struct tlsrpt_tally *tally, struct failure *why)
{
	int64_t today = tlsrpt_day(clock_wall_s());
	if (day)
		return store_tally(store, *day, domain, tally, why);
	for (int64_t at = today + DAYS_AHEAD; at > today - TALLY_DAYS_KEPT - 1; at--) {
		enum store_found found = store_tally(store, at, domain, tally, why);
		if (found != STORE_ABSENT)
			return found;
		tlsrpt_tally_free(tally);
	}
	return STORE_ABSENT;
}

static void state_print(const struct report_state *state)
{
	struct when when;
	bool explained = state->detail && *state->detail;
	line_print("state", "%s%s%s%s%s%s", state->name,
		state->next_at   ? " until "
		: state->last_at ? " at "
				 : "",
		state->next_at || state->last_at ? report_state_when(state, &when) : "", explained ? " (" : "",
		explained ? state->detail : "", explained ? ")" : "");
}

/* Prints a report as text, for `address`, or for nobody if that is NULL. */
static void report_print(const struct tlsrpt_report *report, const struct report_states *states,
	const struct tlsrpt_tally *tally, const struct report_address *address)
{
	struct quote quote;
	char file[TLSRPT_FILE_SIZE], *text = tlsrpt_report_text(report);
	line_print("to", "%s", address ? quote_string(&quote, address->text) : "nobody");
	if (address) {
		struct report_state state = report_state_of(states, tally, address);
		state_print(&state);
	}
	line_print("id", "%s", report->id);
	line_print("file", "%s", tlsrpt_report_file(report, file));
	printf("\n%s", text);
	free(text);
}

static void report_json_print(const struct tlsrpt_report *report)
{
	char *json = tlsrpt_report_json(report);
	puts(json);
	free(json);
}

/* Prints on stderr why what is printed may not be what is sent. */
static void notes_print(const struct settings *settings, const struct tlsrpt_tally *tally, size_t addresses)
{
	if (settings->tlsrpt != TLSRPT_COLLECT)
		fputs("stsgate: note: no reports are sent: tlsrpt is not `collect`\n", stderr);
	else if (!*settings->report_from || !*settings->report_organization)
		fputs("stsgate: note: no reports are sent: report_from or report_organization is not set\n", stderr);
	if (addresses == 0)
		fputs("stsgate: note: the TLSRPT records of the domain have no usable address, so nobody gets this report\n",
			stderr);
	if (tally->day >= tlsrpt_day(clock_wall_s()))
		fputs("stsgate: note: the day is not over, so the numbers may grow\n", stderr);
}

static void reports_print(const struct report_states *states, const struct tlsrpt_tally *tally, bool json)
{
	const struct settings *settings = states->settings;
	size_t count = 0;
	char relay[HOST_NAME_SIZE];
	struct report_address *address = tlsrpt_report_addresses(tally, &count);
	host_name(relay);
	struct tlsrpt_reporter reporter = {settings->report_organization, settings->report_from, relay};
	notes_print(settings, tally, count);
	for (size_t i = 0; i == 0 || i < count; i++) {
		struct tlsrpt_report report;
		const struct report_address *to = count > 0 ? &address[i] : NULL;
		tlsrpt_report_init(&report, &reporter, tally, to ? to->text : NULL);
		if (i > 0 && !json)
			puts("");
		if (json)
			report_json_print(&report);
		else
			report_print(&report, states, tally, to);
		tlsrpt_report_free(&report);
	}
	free(address);
}

static int show_run_on(const struct options *options, const struct settings *settings, struct store *store,
	const char *domain, const int64_t *day)
{
	struct tlsrpt_tally tally;
	struct report_states states;
	struct failure why = {0};
	enum store_found found = tally_find(store, domain, day, &tally, &why);
	bool read = report_states_open(&states, store, settings, &why);
	if (found == STORE_FOUND && read)
		reports_print(&states, &tally, options->json);
	report_states_close(&states);
	tlsrpt_tally_free(&tally);
	if (found == STORE_FAILED || !read)
		return complain(&why);
	if (found == STORE_ABSENT)
		fprintf(stderr,
			"stsgate: %s: no TLS session was counted%s; a domain without a TLSRPT record is never counted\n",
			domain, day ? " on that day" : "");
	return found == STORE_FOUND ? STATUS_YES : STATUS_NO;
}

int report_show(const struct options *options, size_t count, char **words)
{
	struct question question;
	int64_t day = 0;
	int status = EX_USAGE;
	const char *text = option_value(options, "day");
	(void)count;
	if (!domain_word(&question, words[0], PURPOSE_QUERY) || (text && !report_day_read(text, &day)))
		return EX_USAGE;
	struct settings *settings = session_settings(options, &status);
	struct store *store = settings ? session_store(options, &status) : NULL;
	if (store)
		status = show_run_on(options, settings, store, question.domain, text ? &day : NULL);
	store_close(&store);
	settings_free(&settings);
	return status;
}
