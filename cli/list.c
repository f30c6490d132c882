/* list: all domains of the store, page by page: no transaction is held while a page is printed. */
#include "clock.h"
#include "commands.h"
#include "output.h"
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define LIST_PAGE 256

struct row {
	char domain[DOMAIN_SIZE];
	char id[RECORD_ID_MAX + 1];
	bool has_policy;
	enum policy_mode mode;
	int64_t expires_at;
	enum reason last_failure; /* REASON_OK: the newest looks succeeded */
};

static void row_fill(struct row *row, const struct entry *entry)
{
	*row = (struct row){.has_policy = entry->has_policy,
		.mode = entry->policy.mode,
		.expires_at = entry->policy_expires_at,
		.last_failure = entry->record_outcome != REASON_OK ? entry->record_outcome : entry->fetch_outcome};
	snprintf(row->domain, sizeof row->domain, "%s", entry->domain);
	snprintf(row->id, sizeof row->id, "%s", entry->policy_id);
}

static void row_tell(const struct row *row, int64_t now)
{
	struct when when;
	const char *expires = "-";
	if (row->has_policy)
		expires = row->expires_at > now ? when_span(&when, row->expires_at - now) : "expired";
	printf("%-32s %-8s %-20s %-10s %s\n", row->domain, row->has_policy ? policy_mode_name(row->mode) : "-",
		*row->id ? row->id : "-", expires,
		row->last_failure == REASON_OK ? "-" : reason_name(row->last_failure));
}

static void row_print(const struct row *row, bool first)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(row->domain));
	json_put(object, "mode", row->has_policy ? json_text(policy_mode_name(row->mode)) : NULL);
	json_put(object, "id", json_text(row->id));
	json_put(object, "expires_at", row->has_policy ? json_when(row->expires_at) : NULL);
	json_put(object, "last_failure",
		row->last_failure == REASON_OK ? NULL : json_text(reason_name(row->last_failure)));
	fputs(first ? "" : ",", stdout);
	json_print(object);
}

/* The rows of the names that are still there. Their number, or -1. */
static int page_read(struct store *store, const struct names *names, struct row *rows, struct failure *why)
{
	int count = 0;
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return -1;
	for (const char *name = NULL; (name = names_next(names, name)) && count < LIST_PAGE;) {
		struct entry entry;
		enum store_found found = store_view_entry(view, name, &entry);
		if (found == STORE_FOUND) {
			row_fill(&rows[count++], &entry);
			entry_free(&entry);
		} else if (found == STORE_FAILED) {
			failure_set(why, EX_IOERR, "the entry of %s cannot be read", name);
			count = -1;
			break;
		}
	}
	store_view_end(&view);
	return count;
}

static const char *names_last(const struct names *names)
{
	const char *last = NULL;
	for (const char *name = NULL; (name = names_next(names, name));)
		last = name;
	return last;
}

/* Prints the page after `after`, and moves that on. False at the end and on failure. */
static bool page_tell(struct store *store, char after[DOMAIN_SIZE], bool json, bool *first, struct failure *why)
{
	static struct row rows[LIST_PAGE];
	struct names names = {0};
	if (!store_page(store, after, LIST_PAGE, &names, why))
		return false;
	int count = names.count > 0 ? page_read(store, &names, rows, why) : -1;
	for (int i = 0; i < count; i++) {
		if (json)
			row_print(&rows[i], *first);
		else
			row_tell(&rows[i], clock_wall_s());
		*first = false;
	}
	if (names.count > 0)
		snprintf(after, DOMAIN_SIZE, "%s", names_last(&names));
	names_free(&names);
	return count >= 0;
}

static int list_all(struct store *store, bool json)
{
	char after[DOMAIN_SIZE] = "";
	bool first = true;
	struct failure why = {0};
	if (json)
		puts("{\"domains\":[");
	else
		printf("%-32s %-8s %-20s %-10s %s\n", "DOMAIN", "MODE", "ID", "EXPIRES IN", "LAST FAILURE");
	while (page_tell(store, after, json, &first, &why))
		continue;
	if (why.code)
		return complain(&why);
	if (json)
		puts("]}");
	return STATUS_YES;
}

int list_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	(void)words;
	int status = EX_SOFTWARE;
	struct settings *settings = session_settings(options, &status);
	struct store *store = settings ? session_store(settings, &status) : NULL;
	if (store)
		status = list_all(store, options->json);
	store_close(&store);
	settings_free(&settings);
	return status;
}
