#include "census_walk.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

void census_walk_begin(struct census_walk *walk, struct store *store, struct census *census)
{
	memset(walk, 0, sizeof *walk);
	walk->store = store;
	walk->census = census;
}

static struct store_view *view_begin(struct store *store, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	if (view)
		store_view_whole(view);
	return view;
}

static bool entries_count(struct census_walk *walk, const struct names *names, struct failure *why)
{
	struct store_view *view = view_begin(walk->store, why);
	bool read = view != NULL;
	for (const char *name = NULL; read && (name = names_next(names, name));) {
		struct entry entry;
		enum store_found found = store_view_entry(view, name, &entry);
		if (found == STORE_FAILED)
			read = failure_set(why, EX_IOERR, "the entry of %s cannot be read", name);
		if (found == STORE_FOUND)
			census_entry(walk->census, &entry);
		entry_free(&entry);
		snprintf(walk->domain, sizeof walk->domain, "%s", name);
	}
	store_view_end(&view);
	return read;
}

bool census_walk_entries(struct census_walk *walk, bool *more, struct failure *why)
{
	struct names names = {0};
	bool read = store_page(walk->store, walk->domain, CENSUS_PAGE, &names, why) && entries_count(walk, &names, why);
	*more = read && names.count == CENSUS_PAGE;
	walk->census->entries_whole = read && !*more;
	names_free(&names);
	return read;
}

static bool hops_count(struct census_walk *walk, size_t count, struct failure *why)
{
	struct store_view *view = view_begin(walk->store, why);
	bool read = view != NULL;
	for (size_t i = 0; read && i < count; i++) {
		struct hop_record record;
		const struct store_hop *hop = &walk->page[i];
		enum store_found found = store_view_hop(view, hop->host, hop->port, &record);
		if (found == STORE_FAILED)
			read = failure_set(why, EX_IOERR, "the record of the mail host %s cannot be read", hop->host);
		if (found == STORE_FOUND)
			census_hop(walk->census, &record);
		walk->hop = *hop;
	}
	store_view_end(&view);
	return read;
}

bool census_walk_hops(struct census_walk *walk, bool *more, struct failure *why)
{
	size_t count = 0;
	bool read = store_page_hops(walk->store, &walk->hop, CENSUS_PAGE, walk->page, &count, why) &&
		    hops_count(walk, count, why);
	*more = read && count == CENSUS_PAGE;
	walk->census->hops_whole = read && !*more;
	return read;
}
