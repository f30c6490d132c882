/* report list: the days and domains of which the store has tallies, and who gets a report about them. */
#include "output.h"
#include "report.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define LIST_PAGE 256 /* tallies read at a time */

struct listing {
	struct store *store;
	json_t *array; /* NULL: print text */
	size_t count;
};

static json_t *addresses_json(const struct report_address *address, size_t count)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < count; i++) {
		json_t *object = json_made(json_object());
		json_put(object, "address", json_text(address[i].text));
		json_add(array, object);
	}
	return array;
}

static json_t *tally_json(const struct tlsrpt_tally *tally, const struct report_address *address, size_t count)
{
	char day[REPORT_DAY_SIZE];
	json_t *object = json_made(json_object());
	json_put(object, "day", json_text(report_day_text(day, tally->day)));
	json_put(object, "domain", json_text(tally->domain));
	json_put(object, "sessions", json_made(json_integer((json_int_t)tlsrpt_tally_total(tally))));
	json_put(object, "failed", json_made(json_integer((json_int_t)tlsrpt_tally_failed(tally))));
	json_put(object, "addresses", addresses_json(address, count));
	return object;
}

static void tally_print(const struct tlsrpt_tally *tally, const struct report_address *address, size_t count)
{
	char day[REPORT_DAY_SIZE];
	struct quote quote;
	printf("%-10s  %-32s %8" PRIu64 " %8" PRIu64 "  %s\n", report_day_text(day, tally->day), tally->domain,
		tlsrpt_tally_total(tally), tlsrpt_tally_failed(tally),
		count > 0 ? quote_string(&quote, address[0].text) : "-");
	for (size_t i = 1; i < count; i++)
		printf("%64s  %s\n", "", quote_string(&quote, address[i].text));
}

static bool tally_take(struct listing *list, const struct store_tally_key *key, struct failure *why)
{
	struct tlsrpt_tally tally;
	size_t count = 0;
	enum store_found found = store_tally(list->store, key->day, key->domain, &tally, why);
	struct report_address *address = found == STORE_FOUND ? tlsrpt_report_addresses(&tally, &count) : NULL;
	if (found == STORE_FOUND && list->array)
		json_add(list->array, tally_json(&tally, address, count));
	if (found == STORE_FOUND && !list->array) {
		if (list->count == 0)
			printf("%-10s  %-32s %8s %8s  %s\n", "DAY", "DOMAIN", "SESSIONS", "FAILED", "ADDRESS");
		tally_print(&tally, address, count);
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

int report_list(const struct options *options, size_t count, char **words)
{
	int status;
	struct failure why = {0};
	struct listing list = {.store = session_store(options, &status)};
	(void)count;
	(void)words;
	if (!list.store)
		return status;
	if (options->json)
		list.array = json_made(json_array());
	status = tallies_take(&list, &why) ? STATUS_YES : complain(&why);
	if (options->json)
		json_print_list("reports", list.array, status == STATUS_YES);
	else if (status == STATUS_YES && list.count == 0)
		nothing_print("no TLS session was counted yet");
	store_close(&list.store);
	return status;
}
