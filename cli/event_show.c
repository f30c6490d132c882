#include "event_show.h"

#include "commands.h"
#include "entry_json.h"
#include "memory.h"
#include "open_signs.h"
#include "output.h"
#include "record_json.h"
#include "story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_SHOWN 20

/* --- the event ---------------------------------------------------------------------------------------------------- */

static void state_print(const struct event_record *event)
{
	struct when at;
	char number[32] = "", part[48] = "";
	if (event->number == 0)
		return;
	snprintf(number, sizeof number, "%" PRIu32, event->number);
	if (event->part_of != 0)
		snprintf(part, sizeof part, ", part of event %" PRIu32, event->part_of);
	if (event->over_at != 0)
		line_print("event", "%s%s, over since %s", number, part, when_date(&at, event->over_at));
	else
		line_print("event", "%s%s%s", number, part, event_is_sign(event->kind) ? ", not over" : "");
}

void event_head_print(const struct event_record *event)
{
	struct when first, last;
	printf("%s  %s  %s  %s\n", when_date(&last, event->last_at), event_severity_name(event->severity),
		event_name(event->kind), event->domain[0] ? event->domain : "-");
	state_print(event);
	if (event->count > 1)
		line_print("", "%" PRIu32 " times since %s", event->count, when_date(&first, event->first_at));
	if (*event->host)
		line_print("host", "%s port %u", event->host, event->port);
	line_print("", "%s", event->detail);
}

void event_advice_print(const struct event_record *event)
{
	line_print("means", "%s", event_sentence(event->kind));
	line_print("to do", "%s", event_advice(event->kind));
}

/* --- what was before beside what is now --------------------------------------------------------------------------- */

#define VALUE_SIZE 1200
struct value {
	char text[VALUE_SIZE];
};

static const char *of_text(struct value *value, const char *text)
{
	struct text out;
	text_init(&out, value->text, sizeof value->text);
	if (*text)
		text_quote(&out, text, strlen(text), sizeof value->text - 1);
	return value->text;
}

static const char *of_date(struct value *value, int64_t at)
{
	struct when when;
	snprintf(value->text, sizeof value->text, "%s", at != 0 ? when_date(&when, at) : "");
	return value->text;
}

static const char *of_reason(struct value *value, const struct evidence *evidence)
{
	value->text[0] = '\0';
	if (evidence->at != 0)
		snprintf(value->text, sizeof value->text, "%s [%s]", reason_sentence(evidence->reason),
			reason_name(evidence->reason));
	return value->text;
}

static const char *of_tls(struct value *value, const struct evidence *evidence)
{
	char protocol[PROTOCOL_SIZE];
	struct quote cipher;
	value->text[0] = '\0';
	if (evidence->protocol != 0)
		snprintf(value->text, sizeof value->text, "%s %s", protocol_name(evidence->protocol, protocol),
			*evidence->cipher ? quote_string(&cipher, evidence->cipher) : "");
	return value->text;
}

static const char *of_network(struct value *value, const struct evidence *evidence, const struct look *look)
{
	struct quote name, country;
	uint32_t asn = evidence->asn != 0 ? evidence->asn : look->asn;
	value->text[0] = '\0';
	if (asn != 0)
		snprintf(value->text, sizeof value->text, "AS%" PRIu32 "%s%.200s%s%s", asn, *look->as_name ? " " : "",
			*look->as_name ? quote_string(&name, look->as_name) : "", *evidence->country ? ", " : "",
			*evidence->country ? quote_string(&country, evidence->country) : "");
	return value->text;
}

/* Prints a value before and now; values that are empty are not known. */
static void pair_print(const char *label, const char *before, const char *now)
{
	if (*before && strcmp(before, now) == 0) {
		line_print(label, "same     %s", now);
		return;
	}
	if (*before)
		line_print(label, "before   %s", before);
	if (*now)
		line_print(*before ? "" : label, "now      %s", now);
	else if (*before)
		line_print("", "now      (none)");
}

/* Prints the lines of one text. */
static void lines_of(const char *label, const char *when, const char *text)
{
	struct span rest = {text, strlen(text)};
	struct quote quote;
	for (bool first = true; rest.len > 0; first = false) {
		struct span line = span_until(&rest, '\n');
		line_print(first ? label : "", "%-8s %s", first ? when : "", quote_bytes(&quote, line.at, line.len));
	}
}

/* The same as pair_print() for texts of several lines, which are not quoted yet. */
static void lines_pair_print(const char *label, const char *before, const char *now)
{
	if (strcmp(before, now) == 0) {
		lines_of(label, "same", now);
		return;
	}
	lines_of(label, "before", before);
	lines_of(*before ? "" : label, "now", now);
	if (*before && !*now)
		line_print("", "now      (none)");
}

static void hop_pairs_print(const struct story *story)
{
	struct value old, new;
	const struct evidence *was = &story->before, *is = &story->now;
	const struct look *had = &story->before_look, *has = &story->now_look;
	pair_print("seen", of_date(&old, was->at), of_date(&new, is->at));
	pair_print("result", of_reason(&old, was), of_reason(&new, is));
	pair_print("address", of_text(&old, *was->address ? was->address : had->address),
		of_text(&new, *is->address ? is->address : has->address));
	pair_print("network", of_network(&old, was, had), of_network(&new, is, has));
	pair_print("DNS", had->dns, has->dns); /* the decoder accepts printable text only */
	lines_pair_print("greeting", had->greeting, has->greeting);
	pair_print("EHLO name", of_text(&old, had->ehlo_name), of_text(&new, has->ehlo_name));
	lines_pair_print("EHLO", had->ehlo, has->ehlo);
	lines_pair_print("in TLS", had->ehlo_tls, has->ehlo_tls);
	if (has->rewritten)
		line_print("", "now      something on the path overwrites keywords of SMTP");
	pair_print("TLS", of_tls(&old, was), of_tls(&new, is));
	pair_print("message", of_text(&old, was->text), of_text(&new, is->text));
}

/* Returns whether anything is known of a certificate. */
static bool has_certificate(const struct evidence *evidence, const struct look *look)
{
	return *look->fingerprint || *evidence->names || *evidence->issuers || evidence->not_after != 0;
}

/* Prints a value of the certificate. `lost`: there is no certificate now, and another line says so. */
static void certificate_pair_print(bool lost, const char *label, const char *before, const char *now)
{
	if (!lost)
		pair_print(label, before, now);
	else if (*before)
		line_print(label, "before   %s", before);
}

static void certificate_pairs_print(const struct story *story)
{
	struct value old, new;
	const struct evidence *was = &story->before, *is = &story->now;
	const struct look *had = &story->before_look, *has = &story->now_look;
	bool lost = has_certificate(was, had) && !has_certificate(is, has);
	certificate_pair_print(lost, "names", of_text(&old, was->names), of_text(&new, is->names));
	certificate_pair_print(lost, "issued by", of_text(&old, was->issuers), of_text(&new, is->issuers));
	certificate_pair_print(lost, "authority", of_text(&old, had->authority), of_text(&new, has->authority));
	certificate_pair_print(lost, "from", of_date(&old, had->not_before ? had->not_before : was->not_before),
		of_date(&new, has->not_before ? has->not_before : is->not_before));
	certificate_pair_print(lost, "until", of_date(&old, had->not_after ? had->not_after : was->not_after),
		of_date(&new, has->not_after ? has->not_after : is->not_after));
	certificate_pair_print(lost, "SHA-256", of_text(&old, had->fingerprint), of_text(&new, has->fingerprint));
	certificate_pair_print(lost, "key", of_text(&old, had->spki), of_text(&new, has->spki));
	certificate_pair_print(lost, "serial", of_text(&old, had->serial), of_text(&new, has->serial));
	if (lost)
		lines_of("chain", "before", had->chain);
	else
		lines_pair_print("chain", had->chain, has->chain);
	if (lost)
		line_print("", "now      no certificate");
}

/* --- the story ---------------------------------------------------------------------------------------------------- */

static void mail_print(const struct story *story)
{
	if (!event_is_sign(story->event.kind) || story->event.domain[0] == '\0')
		return;
	line_print("mail",
		"%" PRIu32 " delayed, %" PRIu32 " bound to verified TLS, %" PRIu32
		" let pass after a good check, %" PRIu32 " let pass without a guarantee of TLS",
		story->mail[FATE_DELAYED], story->mail[FATE_BOUND], story->mail[FATE_CHECKED], story->mail[FATE_OPEN]);
	line_print("",
		"these are counts of recipients at the milter and policy delegation, and of replies of the map; a "
		"message that is tried again is counted again");
}

/* The store's decoder accepts printable lines only. */
static void story_lines_print(const struct story_lines *lines)
{
	struct when at;
	for (uint32_t i = 0; i < lines->count; i++) {
		const char *text = lines->line[i].text;
		if (i == lines->count / 2 && lines->left_out > 0)
			line_print("", "... %" PRIu32 " lines left out ...", lines->left_out);
		line_print(i == 0 ? "story" : "", "%s  %s", when_date(&at, lines->line[i].at), text);
	}
}

static void story_print(const struct story *story)
{
	struct value old, new;
	struct when at;
	if (strchr(story->hosts, ' '))
		line_print("hosts", "%s", story->hosts);
	story_lines_print(&story->lines);
	mail_print(story);
	if (story->now.at != 0 || *story->dns_now || *story->clock)
		putchar('\n');
	hop_pairs_print(story);
	certificate_pairs_print(story);
	pair_print("domain", story->dns_before, story->dns_now);
	if (*story->clock)
		line_print("clock", "%s", story->clock);
	if (story->first_look.at == 0)
		return;
	line_print("first", "first seen %s at %s%s%s", when_date(&at, story->first_look.at),
		of_text(&old, story->first_look.address), *story->first_look.fingerprint ? ", certificate " : "",
		of_text(&new, story->first_look.fingerprint));
}

static json_t *lines_json(const struct story_lines *lines)
{
	json_t *array = json_made(json_array());
	for (uint32_t i = 0; i < lines->count; i++) {
		json_t *object = json_made(json_object());
		json_put(object, "at", json_when(lines->line[i].at));
		json_put(object, "text", json_text(lines->line[i].text));
		json_add(array, object);
	}
	return array;
}

static json_t *story_json(const struct story *story)
{
	json_t *object = record_show(&story_table, story, NULL, NULL);
	json_t *before = json_object_get(object, "before"), *now = json_object_get(object, "now");
	if (before && story->before.at != 0)
		json_put(before, "evidence", evidence_json(&story->before, story->event.port));
	if (now && story->now.at != 0)
		json_put(now, "evidence", evidence_json(&story->now, story->event.port));
	json_put(object, "lines", lines_json(&story->lines));
	return object;
}

/* --- showing ------------------------------------------------------------------------------------------------------ */

/* An event with what the store has about it. */
struct shown {
	struct event_record event;
	struct event_record *all; /* all events of the store; owned */
	size_t count;
};

/* Finds the event in the table of events or by its story. Returns false if there is none. */
static bool event_find(
	struct store *store, uint32_t number, const struct story *story, struct shown *shown, struct failure *why)
{
	shown->all = store_events(store, &shown->count, why);
	shown->event = story->event;
	for (size_t i = 0; shown->all && i < shown->count; i++)
		if (shown->all[i].number == number)
			shown->event = shown->all[i];
	return shown->event.number == number;
}

/* Returns the first part of the event from `at` on, or shown->count. */
static size_t part_next(const struct shown *shown, size_t at)
{
	while (at < shown->count && shown->all[at].part_of != shown->event.number)
		at++;
	return at;
}

static void parts_print(const struct shown *shown)
{
	size_t count = 0;
	for (size_t at = 0; shown->all && (at = part_next(shown, at)) < shown->count; at++) {
		const struct event_record *part = &shown->all[at];
		if (count++ < PARTS_SHOWN)
			line_print(count == 1 ? "parts" : "", "%" PRIu32 "  %s  %s", part->number,
				event_name(part->kind), *part->domain ? part->domain : "-");
	}
	if (count > PARTS_SHOWN)
		line_print("", "and %zu more: stsgate events --all", count - PARTS_SHOWN);
}

static json_t *parts_json(const struct shown *shown)
{
	json_t *array = json_made(json_array());
	for (size_t at = 0; shown->all && (at = part_next(shown, at)) < shown->count; at++)
		json_add(array, json_made(json_integer(shown->all[at].number)));
	return array;
}

int event_show(struct store *store, uint32_t number, bool json)
{
	struct failure why = {0};
	struct shown shown = {.all = NULL};
	struct story *story = xcalloc(1, sizeof *story);
	enum store_found found = store_story(store, number, story, &why);
	int status = STATUS_YES;
	if (found == STORE_FAILED) {
		status = complain(&why);
	} else if (!event_find(store, number, story, &shown, &why)) {
		fprintf(stderr,
			"stsgate: there is no event %" PRIu32 "; the store keeps the newest %d events and %d stories\n",
			number, EVENTS_MAX, STORIES_MAX);
		status = why.code != 0 ? complain(&why) : STATUS_NO;
	} else if (json) {
		json_t *object = json_made(json_object());
		json_put(object, "event", event_object(&shown.event));
		json_put(object, "parts", parts_json(&shown));
		json_put(object, "story", found == STORE_FOUND ? story_json(story) : NULL);
		json_print(object);
	} else {
		event_head_print(&shown.event);
		parts_print(&shown);
		if (found == STORE_FOUND)
			story_print(story);
		putchar('\n');
		event_advice_print(&shown.event);
	}
	free(shown.all);
	free(story);
	return status;
}
