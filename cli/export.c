/* export: all that the store knows, as JSON lines; page by page: no transaction is held while a page is printed. */
#include "clock.h"
#include "commands.h"
#include "domains.h"
#include "dump.h"
#include "next_hop.h"
#include "output.h"
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define EXPORT_PAGE 256

/* Prints the entry of a domain, if it is there. `entry` is the caller's to free. */
static enum store_found entry_print(struct store *store, const char *domain, struct entry *entry, struct failure *why)
{
	*entry = (struct entry){0};
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return STORE_FAILED;
	enum store_found found = store_view_entry(view, domain, entry);
	store_view_end(&view);
	if (found == STORE_FOUND)
		json_print(dump_entry(entry));
	else if (found == STORE_FAILED)
		failure_set(why, EX_IOERR, "the entry of %s cannot be read", domain);
	return found;
}

static bool hop_print(struct store *store, const char *host, uint16_t port, struct failure *why)
{
	struct hop_record record;
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return false;
	enum store_found found = store_view_hop(view, host, port, &record);
	store_view_end(&view);
	if (found == STORE_FOUND && (record.pkix.newest.at != 0 || record.pkix.conclusive.at != 0))
		json_print(dump_hop(host, port, &record));
	return found != STORE_FAILED || failure_set(why, EX_IOERR, "the evidence of %s cannot be read", host);
}

/* A full disk ends it; main() tells. */
static bool may_go_on(void)
{
	return !ferror(stdout);
}

static bool domains_print(struct store *store, struct failure *why)
{
	struct names names = {0};
	struct entry entry;
	char after[DOMAIN_SIZE] = "";
	bool ok;
	do {
		names_free(&names);
		ok = store_page(store, after, EXPORT_PAGE, &names, why);
		for (const char *name = NULL; ok && may_go_on() && (name = names_next(&names, name));) {
			ok = entry_print(store, name, &entry, why) != STORE_FAILED;
			entry_free(&entry);
			snprintf(after, sizeof after, "%s", name);
		}
	} while (ok && may_go_on() && names.count > 0);
	names_free(&names);
	return ok;
}

static bool hops_print(struct store *store, struct failure *why)
{
	static struct store_hop hops[EXPORT_PAGE];
	struct store_hop after = {.host = ""};
	size_t count;
	bool ok;
	do {
		ok = store_page_hops(store, &after, EXPORT_PAGE, hops, &count, why);
		for (size_t i = 0; ok && may_go_on() && i < count; i++)
			ok = hop_print(store, hops[i].host, hops[i].port, why);
		if (count > 0)
			after = hops[count - 1];
	} while (ok && may_go_on() && count > 0);
	return ok;
}

static bool hops_of_print(
	struct store *store, const struct question *question, const struct mx_set *mx, struct failure *why)
{
	bool ok = true;
	if (!question->mx_lookup || mx->state == MX_IMPLICIT)
		return hop_print(store, question->host, question->port, why);
	for (const char *name = NULL; ok && (name = names_next(&mx->names, name));)
		ok = mx_name_is_received(name, strlen(name)) || hop_print(store, name, question->port, why);
	return ok;
}

/* The entry and its hops; a hop of several domains comes with each of them, which does no harm. */
static int one_print(struct store *store, const char *word)
{
	struct question question;
	struct entry entry;
	struct failure why = {0};
	next_hop_question(&question, word, strlen(word), PURPOSE_QUERY);
	enum store_found found = entry_print(store, question.domain, &entry, &why);
	bool ok = found != STORE_FAILED && hops_of_print(store, &question, &entry.mx, &why);
	entry_free(&entry);
	if (!ok)
		return complain(&why);
	if (found == STORE_ABSENT)
		fprintf(stderr, "stsgate: %s is not in the store\n", question.domain);
	return found == STORE_FOUND ? STATUS_YES : STATUS_NO;
}

static int all_print(struct store *store)
{
	struct failure why = {0};
	return domains_print(store, &why) && hops_print(store, &why) ? STATUS_YES : complain(&why);
}

int export_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct settings *settings = domain_words(words, count) ? session_settings(options, &status) : NULL;
	struct store *store = settings ? session_store(settings, &status) : NULL;
	if (store) {
		json_print(dump_header(clock_wall_s()));
		status = count == 0 ? all_print(store) : STATUS_YES;
		for (size_t i = 0; i < count && status <= STATUS_NO && may_go_on(); i++) {
			int got = one_print(store, words[i]);
			status = got > status ? got : status;
		}
	}
	store_close(&store);
	settings_free(&settings);
	return status;
}
