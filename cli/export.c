/* export: prints all data of the store as lines of JSON. It holds no transaction while it prints: a long transaction
 * would stop LMDB from reusing free space, and a reader of the output may be slow. If standard output cannot be written,
 * for instance on a full disk, it ends early and main() reports the error. */
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

/* Prints the entry of a domain if the store has it. The caller frees `entry`. */
static enum store_found entry_export(struct store *store, const char *domain, struct entry *entry, struct failure *why)
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

/* Prints the evidence of a hop if the store has any. */
static bool hop_export(struct store *store, const char *host, uint16_t port, struct failure *why)
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

static bool domains_export(struct store *store, struct failure *why)
{
	struct names names = {0};
	struct entry entry;
	char after[DOMAIN_SIZE] = "";
	bool ok;
	do {
		names_free(&names);
		ok = store_page(store, after, EXPORT_PAGE, &names, why);
		for (const char *name = NULL; ok && !ferror(stdout) && (name = names_next(&names, name));) {
			ok = entry_export(store, name, &entry, why) != STORE_FAILED;
			entry_free(&entry);
			snprintf(after, sizeof after, "%s", name);
		}
	} while (ok && !ferror(stdout) && names.count > 0);
	names_free(&names);
	return ok;
}

static bool hops_export(struct store *store, struct failure *why)
{
	static struct store_hop hops[EXPORT_PAGE];
	struct store_hop after = {.host = ""};
	size_t count;
	bool ok;
	do {
		ok = store_page_hops(store, &after, EXPORT_PAGE, hops, &count, why);
		for (size_t i = 0; ok && !ferror(stdout) && i < count; i++)
			ok = hop_export(store, hops[i].host, hops[i].port, why);
		if (count > 0)
			after = hops[count - 1];
	} while (ok && !ferror(stdout) && count > 0);
	return ok;
}

/* Prints the entry of a domain and the domain's hops. A hop that several domains share is printed with each of these
 * domains; an import ignores further copies. */
static int domain_export(struct store *store, const char *word)
{
	struct question question;
	struct entry entry;
	struct failure why = {0};
	next_hop_question(&question, word, strlen(word), PURPOSE_QUERY);
	enum store_found found = entry_export(store, question.domain, &entry, &why);
	bool ok = found != STORE_FAILED;
	if (ok && (!question.mx_lookup || entry.mx.state == MX_IMPLICIT)) {
		ok = hop_export(store, question.host, question.port, &why);
	} else {
		for (const char *name = NULL; ok && (name = names_next(&entry.mx.names, name));)
			ok = mx_name_is_not_host(name, strlen(name)) || hop_export(store, name, question.port, &why);
	}
	entry_free(&entry);
	if (!ok)
		return complain(&why);
	if (found == STORE_ABSENT)
		fprintf(stderr, "stsgate: %s is not in the store\n", question.domain);
	return found == STORE_FOUND ? STATUS_YES : STATUS_NO;
}

static bool is_empty(struct store *store)
{
	struct store_usage usage;
	return store_usage(store, &usage, NULL) && usage.entries == 0;
}

int export_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct failure why = {0};
	struct store *store = domain_words(words, count) ? session_store(options, &status) : NULL;
	if (!store)
		return status;
	json_print(dump_header(clock_wall_s()));
	status = STATUS_YES;
	if (count == 0 && (!domains_export(store, &why) || !hops_export(store, &why)))
		status = complain(&why);
	else if (count == 0 && is_empty(store))
		nothing_print("the store has no domain");
	for (size_t i = 0; i < count && status <= STATUS_NO && !ferror(stdout); i++)
		status = status_worse(status, domain_export(store, words[i]));
	store_close(&store);
	return status;
}
