/* list: prints one line for each domain in the store. It reads the store in batches of LIST_PAGE domains, and holds no
 * transaction while it prints a batch. */
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
	enum reason last_failure; /* REASON_OK: the newest lookup and fetch succeeded */
};

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
			.last_failure = entry.record_outcome != REASON_OK ? entry.record_outcome : entry.fetch_outcome};
		snprintf(row->domain, sizeof row->domain, "%s", entry.domain);
		snprintf(row->id, sizeof row->id, "%s", entry.policy_id);
		entry_free(&entry);
	}
	store_view_end(&view);
	return count;
}

static void row_print(const struct row *row, int64_t now)
{
	struct when when;
	const char *expires = "-";
	if (row->has_policy)
		expires = row->expires_at > now ? when_span(&when, row->expires_at - now) : "expired";
	printf("%-32s %-8s %-20s %-10s %s\n", row->domain, row->has_policy ? policy_mode_name(row->mode) : "-",
		*row->id ? row->id : "-", expires,
		row->last_failure == REASON_OK ? "-" : reason_name(row->last_failure));
}

static json_t *row_json(const struct row *row)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(row->domain));
	json_put(object, "mode", row->has_policy ? json_text(policy_mode_name(row->mode)) : NULL);
	json_put(object, "id", json_text(row->id));
	json_put(object, "expires_at", row->has_policy ? json_when(row->expires_at) : NULL);
	json_put(object, "last_failure",
		row->last_failure == REASON_OK ? NULL : json_text(reason_name(row->last_failure)));
	return object;
}

int list_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	(void)words;
	static struct row rows[LIST_PAGE];
	char after[DOMAIN_SIZE] = "";
	bool first = true, more = true;
	struct failure why = {0};
	int status = EX_SOFTWARE;
	struct store *store = session_store(options, &status);
	if (!store)
		return status;
	if (options->json)
		puts("{\"domains\":[");
	else
		printf("%-32s %-8s %-20s %-10s %s\n", "DOMAIN", "MODE", "ID", "EXPIRES IN", "LAST FAILURE");
	while (more) {
		struct names names = {0};
		int found = store_page(store, after, LIST_PAGE, &names, &why) && names.count > 0
				    ? page_read(store, &names, rows, &why)
				    : -1;
		for (const char *name = NULL; (name = names_next(&names, name));)
			snprintf(after, sizeof after, "%s", name);
		more = found >= 0;
		names_free(&names);
		for (int i = 0; i < found; i++) {
			if (options->json) {
				fputs(first ? "" : ",", stdout);
				json_print(row_json(&rows[i]));
			} else {
				row_print(&rows[i], clock_wall_s());
			}
			first = false;
		}
	}
	if (options->json && !why.code)
		puts("]}");
	store_close(&store);
	return why.code ? complain(&why) : STATUS_YES;
}
