/* list: prints one line for each domain in the store, or for those that the options choose. It reads the store in batches
 * of LIST_PAGE domains, and holds no transaction while it prints a batch. Only a list that is not sorted by domain is kept
 * in memory as a whole. */
#include "clock.h"
#include "commands.h"
#include "memory.h"
#include "output.h"
#include "schedule.h"
#include "session.h"
#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define LIST_PAGE 256

struct row {
	char domain[DOMAIN_SIZE];
	char id[RECORD_ID_MAX + 1];
	bool has_policy;
	enum policy_mode mode;
	int64_t expires_at;
	int32_t last_used_day;             /* 0: never */
	enum reason last_failure;          /* REASON_OK: the newest lookup and fetch did not fail */
	char detail[FETCH_DETAIL_MAX + 1]; /* what failed in the fetch, if that was the failure */
};

enum order { BY_DOMAIN, BY_EXPIRES, BY_USED };

/* What the options choose, and the rows that are printed at the end. */
struct listing {
	int64_t now;
	bool json, count_only;
	enum order order;
	bool by_mode, failing, held, expiring;
	enum policy_mode mode;
	int64_t expiring_s;
	struct names held_domains; /* sorted */

	bool begun; /* something was printed */
	uint64_t found;
	struct row *rows; /* if the list is sorted: the rows that were found */
	size_t room;
};

const char *list_order_words(unsigned number)
{
	static const char *const words[] = {[BY_DOMAIN] = "domain", [BY_EXPIRES] = "expires", [BY_USED] = "used"};
	return number < sizeof words / sizeof *words ? words[number] : NULL;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static bool listing_read(struct listing *list, const struct options *options)
{
	const char *mode = option_value(options, "mode"), *sort = option_value(options, "sort"),
		   *expiring = option_value(options, "expiring");
	unsigned number = 0;
	uint64_t seconds = 0;
	*list = (struct listing){.now = clock_wall_s(),
		.json = options->json,
		.count_only = option_given(options, "count"),
		.by_mode = mode != NULL,
		.failing = option_given(options, "failing"),
		.held = option_given(options, "held"),
		.expiring = expiring != NULL};
	if (mode && !value_word("a mode", mode, policy_mode_words, &number))
		return false;
	list->mode = (enum policy_mode)number;
	number = 0;
	if (sort && !value_word("an order", sort, list_order_words, &number))
		return false;
	list->order = (enum order)number;
	if (expiring && !value_duration("--expiring", expiring, &seconds))
		return false;
	list->expiring_s = (int64_t)seconds;
	return true;
}

/* Finds the domains whose mail was delayed or put on hold a short time ago. */
static bool held_find(struct listing *list, struct store *store, struct failure *why)
{
	size_t count = 0;
	struct verdict_record *records = list->held ? store_verdicts(store, &count, why) : NULL;
	for (size_t i = 0; records && i < count; i++) {
		const struct verdict_record *record = &records[i];
		if (*record->domain && verdict_record_waits(record, list->now))
			names_add(&list->held_domains, record->domain, strlen(record->domain));
	}
	names_sort(&list->held_domains);
	names_index(&list->held_domains);
	bool ok = records || !list->held;
	free(records);
	return ok;
}

static bool row_wanted(const struct listing *list, const struct row *row)
{
	int64_t left_s = row->expires_at - list->now;
	if (list->by_mode && (!row->has_policy || row->mode != list->mode))
		return false;
	if (list->expiring && (!row->has_policy || left_s <= 0 || left_s > list->expiring_s))
		return false;
	if (list->failing && row->last_failure == REASON_OK)
		return false;
	return !list->held || names_have(&list->held_domains, row->domain);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* Reads the rows of those names that are still in the store. Returns their number, or -1. */
static int page_read(struct store *store, const struct names *names, struct row *rows, struct failure *why)
{
	int count = 0;
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return -1;
	for (const char *name = NULL; (name = names_next(names, name)) && count < LIST_PAGE;) {
		struct entry entry;
		enum store_found found = store_view_entry(view, name, &entry);
		if (found == STORE_FAILED) {
			failure_set(why, EX_IOERR, "the entry of %s cannot be read", name);
			count = -1;
			break;
		}
		if (found == STORE_ABSENT)
			continue;
		struct row *row = &rows[count++];
		*row = (struct row){.has_policy = entry.has_policy,
			.mode = entry.policy.mode,
			.expires_at = entry.policy_expires_at,
			.last_used_day = entry.last_used_day,
			.last_failure = entry_failure(&entry)};
		snprintf(row->domain, sizeof row->domain, "%s", entry.domain);
		snprintf(row->id, sizeof row->id, "%s", entry.policy_id);
		if (row->last_failure == entry.fetch_outcome)
			snprintf(row->detail, sizeof row->detail, "%s", entry.fetch_detail);
		entry_free(&entry);
	}
	store_view_end(&view);
	return count;
}

static void row_print(const struct row *row, int64_t now)
{
	struct when when;
	char used[16] = "-";
	const char *expires = "-";
	int days = schedule_day(now) - row->last_used_day;
	if (row->has_policy)
		expires = row->expires_at > now ? when_span(&when, row->expires_at - now) : "expired";
	if (row->last_used_day != 0)
		snprintf(used, sizeof used, days > 0 ? "%dd ago" : "today", days);
	printf("%-32s %-8s %-20s %-10s %-8s %s%s%s%s\n", row->domain,
		row->has_policy ? policy_mode_name(row->mode) : "-", *row->id ? row->id : "-", expires, used,
		row->last_failure == REASON_OK ? "-" : reason_name(row->last_failure), *row->detail ? " (" : "",
		row->detail, *row->detail ? ")" : "");
}

static json_t *row_json(const struct row *row)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(row->domain));
	json_put(object, "mode", row->has_policy ? json_text(policy_mode_name(row->mode)) : NULL);
	json_put(object, "id", json_text(row->id));
	json_put(object, "expires_at", row->has_policy ? json_when(row->expires_at) : NULL);
	json_put(object, "last_used_at", json_when((int64_t)row->last_used_day * 86400));
	json_put(object, "last_failure",
		row->last_failure == REASON_OK ? NULL : json_text(reason_name(row->last_failure)));
	json_put(object, "last_failure_detail", json_text(row->detail));
	return object;
}

static void row_out(struct listing *list, const struct row *row)
{
	if (list->json) {
		fputs(list->begun ? "," : "", stdout);
		json_print(row_json(row));
	} else {
		if (!list->begun)
			printf("%-32s %-8s %-20s %-10s %-8s %s\n", "DOMAIN", "MODE", "ID", "EXPIRES IN", "USED",
				"LAST FAILURE");
		row_print(row, list->now);
	}
	list->begun = true;
}

/* Prints, counts or keeps a row. */
static void row_take(struct listing *list, const struct row *row)
{
	if (!row_wanted(list, row))
		return;
	if (!list->count_only && list->order == BY_DOMAIN)
		row_out(list, row);
	if (!list->count_only && list->order != BY_DOMAIN) {
		if (list->found == list->room) {
			list->room = list->room > 0 ? 2 * list->room : LIST_PAGE;
			list->rows = xrealloc(list->rows, list->room * sizeof *list->rows);
		}
		list->rows[list->found] = *row;
	}
	list->found++;
}

/* --- order -------------------------------------------------------------------------------------------------------- */

/* Domains without a policy come last. */
static int by_expires(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	if (left->has_policy != right->has_policy)
		return left->has_policy ? -1 : 1;
	if (left->expires_at != right->expires_at)
		return left->expires_at < right->expires_at ? -1 : 1;
	return strcmp(left->domain, right->domain);
}

/* The domain that mail used last comes first. */
static int by_used(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	if (left->last_used_day != right->last_used_day)
		return left->last_used_day > right->last_used_day ? -1 : 1;
	return strcmp(left->domain, right->domain);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static bool rows_read(struct listing *list, struct store *store, struct failure *why)
{
	static struct row rows[LIST_PAGE];
	char after[DOMAIN_SIZE] = "";
	bool more = true;
	while (more) {
		struct names names = {0};
		int found = store_page(store, after, LIST_PAGE, &names, why) && names.count > 0
				    ? page_read(store, &names, rows, why)
				    : -1;
		for (const char *name = NULL; (name = names_next(&names, name));)
			snprintf(after, sizeof after, "%s", name);
		more = found >= 0;
		names_free(&names);
		for (int i = 0; i < found; i++)
			row_take(list, &rows[i]);
	}
	return why->code == 0;
}

static void rows_out(struct listing *list)
{
	if (list->rows)
		qsort(list->rows, list->found, sizeof *list->rows, list->order == BY_USED ? by_used : by_expires);
	for (size_t i = 0; list->rows && i < list->found; i++)
		row_out(list, &list->rows[i]);
}

static void count_out(const struct listing *list)
{
	if (!list->json) {
		printf("%" PRIu64 "\n", list->found);
		return;
	}
	json_t *object = json_made(json_object());
	json_put(object, "count", json_integer((json_int_t)list->found));
	json_print(object);
}

static int list_all(struct listing *list, struct store *store)
{
	struct failure why = {0};
	bool whole = list->json && !list->count_only;
	if (whole)
		puts("{\"domains\":[");
	if (!held_find(list, store, &why) || !rows_read(list, store, &why))
		return complain(&why);
	rows_out(list);
	if (list->count_only)
		count_out(list);
	else if (!list->json && list->found == 0)
		nothing_print("the store has no domains, or none that match the options");
	if (whole)
		puts("]}");
	return STATUS_YES;
}

int list_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	(void)words;
	struct listing list;
	int status = EX_USAGE;
	struct store *store = listing_read(&list, options) ? session_store(options, &status) : NULL;
	if (!store)
		return status;
	status = list_all(&list, store);
	names_free(&list.held_domains);
	free(list.rows);
	store_close(&store);
	return status;
}
