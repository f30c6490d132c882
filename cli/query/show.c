/* show: prints all data that the store has about a domain and its hops. */
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

struct shown_hop {
	char host[DOMAIN_SIZE];
	uint16_t port;
	struct hop_record record;
};

struct shown {
	struct entry entry;
	size_t count;
	struct shown_hop *hops; /* the hops that are in the store */
};

/* Adds a hop if the store has it. Returns false when it cannot be read. */
static bool hop_read(struct store_view *view, const char *host, uint16_t port, struct shown *shown)
{
	struct shown_hop *hop = &shown->hops[shown->count];
	enum store_found found = store_view_hop(view, host, port, &hop->record);
	if (found == STORE_FOUND) {
		snprintf(hop->host, sizeof hop->host, "%s", host);
		hop->port = port;
		shown->count++;
	}
	return found != STORE_FAILED;
}

/* Reads the entry and its hops in one transaction, which has ended when the function returns. */
static enum store_found shown_read(
	struct store *store, const struct question *question, struct shown *shown, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	if (!view)
		return STORE_FAILED;
	enum store_found found = store_view_entry(view, question->domain, &shown->entry);
	if (found == STORE_FAILED)
		failure_set(why, EX_IOERR, "the entry of %s cannot be read", question->domain);
	if (found != STORE_FOUND) {
		store_view_end(&view);
		return found;
	}
	const struct mx_set *mx = &shown->entry.mx;
	bool listed = question->mx_lookup && mx->state == MX_LISTED, ok = true;
	shown->hops = xcalloc(listed ? mx->names.count + 1 : 1, sizeof *shown->hops);
	if (!listed)
		ok = hop_read(view, question->host, question->port, shown);
	for (const char *name = NULL; listed && ok && (name = names_next(&mx->names, name));)
		ok = mx_name_is_not_host(name, strlen(name)) || hop_read(view, name, question->port, shown);
	store_view_end(&view);
	if (ok)
		return STORE_FOUND;
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

static void policy_text_print(const struct entry *entry)
{
	struct quote quote;
	const char *at = entry->policy_text, *end = at ? at + entry->policy_text_len : at;
	if (!at && entry->has_policy)
		line_print("text", "too long to be kept");
	if (!at)
		return;
	line_print("text", "as received, %u octets", entry->policy_text_len);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);
		line_print("", "%s", quote_bytes(&quote, at, len));
		at += len + 1;
	}
}

static void shown_print(const struct shown *shown, struct store *store)
{
	struct when first, last;
	const struct entry *entry = &shown->entry;
	struct view view = {.now = clock_wall_s(), .store = store};
	line_print("domain", "%s", entry->domain);
	record_print(entry, &view);
	fetch_print(entry, &view);
	policy_print(entry, &view);
	policy_text_print(entry);
	if (entry->has_previous)
		line_print("previous", "mode %s, id %s, until %s", policy_mode_name(entry->previous_mode),
			*entry->previous_id ? entry->previous_id : "unknown", when_date(&last, entry->previous_until));
	mx_print(entry, &view);
	line_print("used", "first %s, last %s", day_date(&first, entry->first_used_day),
		day_date(&last, entry->last_used_day));
	if (entry->due_at)
		line_print("refresh", "due %s", when_date(&last, entry->due_at));
	for (size_t i = 0; i < shown->count; i++)
		hop_print(entry->domain, shown->hops[i].host, shown->hops[i].port, &shown->hops[i].record, &view);
}

static void shown_print_json(const struct shown *shown, struct store *store)
{
	json_t *hops = json_made(json_array());
	for (size_t i = 0; i < shown->count; i++)
		json_add(hops, hop_json(store, shown->hops[i].host, shown->hops[i].port, &shown->hops[i].record));
	json_t *object = entry_json(&shown->entry);
	json_put(object, "hops", hops);
	json_print(object);
}

int show_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	int status = EX_USAGE;
	struct question question;
	struct shown shown = {0};
	struct failure why = {0};
	bool valid = domain_word(&question, words[0], PURPOSE_QUERY);
	struct store *store = valid ? session_store(options, &status) : NULL;
	if (!store)
		return status;
	enum store_found found = shown_read(store, &question, &shown, &why);
	if (found == STORE_FAILED) {
		status = complain(&why);
	} else if (found == STORE_ABSENT) {
		fprintf(stderr, "stsgate: %s is not in the store; `stsgate query` looks it up\n", question.domain);
		status = STATUS_NO;
	} else {
		(options->json ? shown_print_json : shown_print)(&shown, store);
		status = STATUS_YES;
		entry_free(&shown.entry);
		free(shown.hops);
	}
	store_close(&store);
	return status;
}
