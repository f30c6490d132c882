/* report list: the days and domains of which the store has tallies, and who gets a report about them. */
#include "output.h"
#include "report_parts.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define LIST_PAGE 256 /* tallies read at a time */

struct listing {
	struct store *store;
	struct report_states states;
	json_t *array; /* NULL: print text */
	size_t count;
};

static json_t *addresses_json(const struct listing *list, const struct tlsrpt_tally *tally,
	const struct report_address *address, size_t count)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < count; i++) {
		struct report_state state = report_state_of(&list->states, tally, &address[i]);
		json_t *object = json_made(json_object());
		json_put(object, "address", json_text(address[i].text));
		json_put(object, "state", json_text(state.name));
		json_put(object, "attempts", json_made(json_integer(state.attempts)));
		json_put(object, "last_at", json_when(state.last_at));
		json_put(object, "next_at", json_when(state.next_at));
		json_put(object, "detail", json_text(state.detail));
		json_add(array, object);
	}
	return array;
}

static json_t *tally_json(const struct listing *list, const struct tlsrpt_tally *tally,
	const struct report_address *address, size_t count)
{
	char day[REPORT_DAY_SIZE];
	json_t *object = json_made(json_object());
	json_put(object, "day", json_text(report_day_text(day, tally->day)));
	json_put(object, "domain", json_text(tally->domain));
	json_put(object, "sessions", json_made(json_integer((json_int_t)tlsrpt_tally_total(tally))));
	json_put(object, "failed", json_made(json_integer((json_int_t)tlsrpt_tally_failed(tally))));
	json_put(object, "addresses", addresses_json(list, tally, address, count));
	return object;
}

static void address_print(
	const struct listing *list, const struct tlsrpt_tally *tally, const struct report_address *address)
{
	struct report_state state = report_state_of(&list->states, tally, address);
	struct quote quote;
	struct when when;
	bool explained = state.detail && *state.detail;
	printf("%-11s %-20s  %s%s%s%s\n", state.name, report_state_when(&state, &when),
		quote_string(&quote, address->text), explained ? " (" : "", explained ? state.detail : "",
		explained ? ")" : "");
}

static void tally_print(const struct listing *list, const struct tlsrpt_tally *tally,
	const struct report_address *address, size_t count)
{
	char day[REPORT_DAY_SIZE];
	int width = printf("%-10s  %-28s %8" PRIu64 " %7" PRIu64 "  ", report_day_text(day, tally->day), tally->domain,
		tlsrpt_tally_total(tally), tlsrpt_tally_failed(tally));
	if (count == 0)
		puts("no address");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			printf("%*s", width, "");
		address_print(list, tally, &address[i]);
	}
}

static bool tally_take(struct listing *list, const struct store_tally_key *key, struct failure *why)
{
	struct tlsrpt_tally tally;
	size_t count = 0;
	enum store_found found = store_tally(list->store, key->day, key->domain, &tally, why);
	struct report_address *address = found == STORE_FOUND ? tlsrpt_report_addresses(&tally, &count) : NULL;
	if (found == STORE_FOUND && list->array)
		json_add(list->array, tally_json(list, &tally, address, count));
	if (found == STORE_FOUND && !list->array) {
		if (list->count == 0)
			printf("%-10s  %-28s %8s %7s  %-11s %-20s  %s\n", "DAY", "DOMAIN", "SESSIONS", "FAILED",
				"REPORT", "WHEN", "ADDRESS");
		tally_print(list, &tally, address, count);
	}
	list->count += found == STORE_FOUND;
	free(address);
	tlsrpt_tally_free(&tally);
	return found != STORE_FAILED;
}

static bool tallies_take(struct listing *list, struct failure *why)
{
	struct store_tally_key page[LIST_PAGE], after = {.day = 0};
	size_t count = 0;
	do {
		if (!store_page_tallies(list->store, &after, LIST_PAGE, page, &count, why))
			return false;
		for (size_t i = 0; i < count; i++)
			if (!tally_take(list, &page[i], why))
				return false;
		if (count > 0)
			after = page[count - 1];
	} while (count > 0);
	return true;
}

static int list_run_on(const struct options *options, struct store *store, const struct settings *settings)
{
	struct failure why = {0};
	struct listing list = {.store = store};
	if (options->json)
		list.array = json_made(json_array());
	bool done = report_states_open(&list.states, store, settings, &why) && tallies_take(&list, &why);
	if (options->json)
		json_print_list("reports", list.array, done);
	else if (done && list.count == 0)
		nothing_print(settings->tlsrpt == TLSRPT_COLLECT
				      ? "no TLS session was counted yet"
				      : "no TLS session is counted, because tlsrpt is not `collect`");
	report_states_close(&list.states);
	return done ? STATUS_YES : complain(&why);
}

int report_list(const struct options *options, size_t count, char **words)
{
	int status;
	(void)count;
	(void)words;
	struct settings *settings = session_settings(options, &status);
	struct store *store = settings ? session_store(options, &status) : NULL;
	if (store)
		status = list_run_on(options, store, settings);
	store_close(&store);
	settings_free(&settings);
	return status;
}
