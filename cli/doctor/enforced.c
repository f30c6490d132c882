#include "enforced.h"

#include "clock.h"
#include "session.h"

#include <stdio.h>

#define PAGE 256 /* domains that are read in one view */

/* Reads one page of domains. Returns false at the end of the store, or of the walk. */
static bool page_walk(struct store *store, char after[DOMAIN_SIZE], enforced_take *take, void *arg)
{
	struct names domains = {0};
	struct failure why;
	int64_t now = clock_wall_s();
	bool more = store_page(store, after, PAGE, &domains, &why) && domains.count > 0;
	struct store_view *view = more ? store_view_begin(store, &why) : NULL;
	more = view;
	for (const char *domain = NULL; more && (domain = names_next(&domains, domain));) {
		struct entry entry;
		bool found = store_view_entry(view, domain, &entry) == STORE_FOUND;
		if (found && entry.has_policy && entry.policy.mode == POLICY_ENFORCE && entry.policy_expires_at > now)
			more = take(view, &entry, arg);
		entry_free(&entry);
		snprintf(after, DOMAIN_SIZE, "%s", domain);
	}
	if (view)
		store_view_end(&view);
	names_free(&domains);
	return more;
}

bool enforced_each(const struct options *options, const struct settings *settings, enforced_take *take, void *arg)
{
	char after[DOMAIN_SIZE] = "";
	int status;
	struct store *store = store_changed_at(settings->store_path) != 0 ? session_store(options, &status) : NULL;
	if (!store)
		return false;
	while (page_walk(store, after, take, arg))
		;
	store_close(&store);
	return true;
}
