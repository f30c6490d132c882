/* show: all that the store knows of a domain and its hops. */
#include "clock.h"
#include "commands.h"
#include "describe.h"
#include "domains.h"
#include "memory.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct hop_seen {
	char host[DOMAIN_SIZE];
	uint16_t port;
	struct hop_record record;
};

struct shown {
	struct entry entry;
	size_t count;
	struct hop_seen *hops; /* those that the store knows */
	bool failed;           /* one of them could not be read */
};

static void hop_read(struct store_view *view, const char *host, uint16_t port, struct shown *shown)
{
	struct hop_seen *hop = &shown->hops[shown->count];
	enum store_found found = store_view_hop(view, host, port, &hop->record);
	shown->failed = shown->failed || found == STORE_FAILED;
	if (found != STORE_FOUND)
		return;
	snprintf(hop->host, sizeof hop->host, "%s", host);
	hop->port = port;
	shown->count++;
}

static void hops_read(struct store_view *view, const struct question *question, struct shown *shown)
{
	const struct mx_set *mx = &shown->entry.mx;
	bool listed = question->mx_lookup && mx->state == MX_LISTED;
	shown->hops = xcalloc(listed ? mx->names.count + 1 : 1, sizeof *shown->hops);
	if (!listed)
		hop_read(view, question->host, question->port, shown);
	for (const char *name = NULL; listed && (name = names_next(&mx->names, name));)
		if (!mx_name_is_received(name, strlen(name)))
			hop_read(view, name, question->port, shown);
}

/* One look; what is told of it is told after the transaction's end. */
static enum store_found shown_read(
	struct store *store, const struct question *question, struct shown *shown, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return STORE_FAILED;
	enum store_found found = store_view_entry(view, question->domain, &shown->entry);
	if (found == STORE_FOUND)
		hops_read(view, question, shown);
	else if (found == STORE_FAILED)
		failure_set(why, EX_IOERR, "the entry of %s cannot be read", question->domain);
	store_view_end(&view);
	if (!shown->failed)
		return found;
	entry_free(&shown->entry);
	free(shown->hops);
	failure_set(why, EX_IOERR, "the evidence of %s cannot be read", question->domain);
	return STORE_FAILED;
}

static const char *day_date(struct when *when, int32_t day)
{
	when_date(when, (int64_t)day * 86400);
	if (day != 0)
		when->text[strcspn(when->text, "T")] = '\0';
	return when->text;
}

static void text_tell(const struct entry *entry)
{
	struct quote quote;
	const char *at = entry->policy_text, *end = at ? at + entry->policy_text_len : at;
	if (!at) {
		if (entry->has_policy)
			tell("text", "was too long to be kept");
		return;
	}
	tell("text", "as received, %u octets", entry->policy_text_len);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);
		tell("", "%s", quote_bytes(&quote, at, len));
		at += len + 1;
	}
}

static void entry_tell(const struct entry *entry, int64_t now)
{
	struct when first, last;
	tell("domain", "%s", entry->domain);
	tell_record(entry);
	tell_fetch(entry, "");
	tell_policy(entry, now);
	text_tell(entry);
	if (entry->has_previous)
		tell("previous", "mode %s, id %s, until %s", policy_mode_name(entry->previous_mode),
			*entry->previous_id ? entry->previous_id : "unknown", when_date(&last, entry->previous_until));
	tell_mx(entry);
	tell("used", "first %s, last %s", day_date(&first, entry->first_used_day),
		day_date(&last, entry->last_used_day));
	if (entry->due_at)
		tell("due", "%s", when_date(&last, entry->due_at));
}

static void shown_print(const struct shown *shown)
{
	json_t *hops = json_made(json_array());
	for (size_t i = 0; i < shown->count; i++)
		json_add(hops, describe_hop(shown->hops[i].host, shown->hops[i].port, &shown->hops[i].record));
	json_t *object = describe_entry(&shown->entry, "");
	json_put(object, "hops", hops);
	json_print(object);
}

static void shown_tell(const struct shown *shown)
{
	int64_t now = clock_wall_s();
	entry_tell(&shown->entry, now);
	for (size_t i = 0; i < shown->count; i++)
		tell_hop(shown->hops[i].host, shown->hops[i].port, &shown->hops[i].record, now);
}

static int show_one(struct store *store, const struct question *question, bool json)
{
	struct shown shown = {0};
	struct failure why = {0};
	enum store_found found = shown_read(store, question, &shown, &why);
	if (found == STORE_FAILED)
		return complain(&why);
	if (found == STORE_ABSENT) {
		fprintf(stderr, "stsgate: %s is not in the store\n", question->domain);
		return STATUS_NO;
	}
	(json ? shown_print : shown_tell)(&shown);
	entry_free(&shown.entry);
	free(shown.hops);
	return STATUS_YES;
}

int show_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	int status = EX_USAGE;
	struct question question;
	bool asked = domain_word(&question, words[0], PURPOSE_QUERY);
	struct settings *settings = asked ? session_settings(options, &status) : NULL;
	struct store *store = settings ? session_store(settings, &status) : NULL;
	if (store)
		status = show_one(store, &question, options->json);
	store_close(&store);
	settings_free(&settings);
	return status;
}
