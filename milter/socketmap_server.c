#include "socketmap_server.h"

#include "answer.h"
#include "clock.h"
#include "log.h"
#include "map_memo.h"
#include "map_reply.h"
#include "memory.h"
#include "next_hop.h"
#include "report.h"
#include "socketmap.h"
#include "verdict_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETSTRING_EXTRA 16 /* octets that a netstring has beyond its payload */
#define KEY_SHOWN 101      /* octets of an unreadable key that an event shows */

struct socketmap_server {
	struct verdict_service by_verdict; /* the first member (front_end.h) */
	char payload[MAP_REPLY_MAX + 1];
	size_t payload_len; /* of the last reply that was made; 0: it was refused */
	char wire[MAP_REPLY_MAX + NETSTRING_EXTRA];
	struct map_memo memo;
};

/* The client's current request. */
struct state {
	int64_t asked_us;
	enum map_dialect dialect;
	bool several; /* the key has several next hops */
	char key[KEY_SHOWN];
	uint16_t key_len; /* at most KEY_SHOWN; a longer key is cut */
};

/* Returns the word for a reply of the map. */
static const char *reply_word(char first, const struct verdict *verdict)
{
	if (first == 'O')
		return binding_name(verdict->binding);
	return first == 'T' ? "temp" : "notfound";
}

/* Logs, records and counts a verdict and the reply to it. In mode monitor the reply is always NOTFOUND. */
static void map_report(
	struct socketmap_server *map, const struct settings *settings, const struct verdict *verdict, struct span reply)
{
	char first = reply.len > 0 ? reply.at[0] : '\0', would = first;
	if (settings->mode == MODE_MONITOR && verdict->kind == VERDICT_DEFER)
		would = 'T';
	else if (settings->mode == MODE_MONITOR && verdict->binding != BINDING_NONE)
		would = 'O';
	const struct verdict_seen seen = {.door = DOOR_MAP,
		.settings = settings,
		.verdict = verdict,
		.deed = first == 'T' ? DEED_TEMP : DEED_ACCEPT,
		.would = would == 'T' ? DEED_TEMP : DEED_ACCEPT,
		.bound = first == 'O' && verdict->binding != BINDING_DANE,
		.action = reply_word(first, verdict),
		.would_action = reply_word(would, verdict)};
	if (verdict->kind != VERDICT_NONE)
		check_verdict_seen(map->by_verdict.check, &seen, NULL);
	check_verdict_acted(map->by_verdict.check, &seen);
}

/* Reports a verdict and sends the reply to it. */
static void map_send(struct socketmap_server *map, struct client *client, const struct settings *settings,
	const struct verdict *verdict, struct span payload)
{
	const struct state *state = client_state(client);
	if (verdict->kind != VERDICT_NONE || check_follows_signs(map->by_verdict.check))
		map_report(map, settings, verdict, payload);
	size_t len = netstring_write(map->wire, sizeof map->wire, payload);
	if (len == 0)
		abort();
	counters_map_reply(payload);
	counters_answer(DOOR_MAP, state->asked_us);
	client_reply(client, (struct span){map->wire, len});
}

static void map_render(struct socketmap_server *map, struct client *client, const struct settings *settings,
	const struct map_source *source)
{
	const struct state *state = client_state(client);
	struct text text;
	text_init(&text, map->payload, sizeof map->payload);
	bool valid = map_reply(&text, state->dialect, source);
	if (!valid) {
		char detail[64];
		snprintf(detail, sizeof detail, "map %s", map_dialect_name(state->dialect));
		check_event(map->by_verdict.check, EVENT_MAP_REPLY_REFUSED, source->verdict->domain, detail);
	}
	check_next_hop(map->by_verdict.check, source->verdict, "map", (struct span){state->key, state->key_len});
	map->payload_len = valid ? text.len : 0;
	map_send(map, client, settings, source->verdict, (struct span){text.bytes, text.len});
}

/* Returns whether the next hop itself binds nothing: it has no policy, an override releases its mail, or only default_level =
 * verify applies to it. Then another next hop of the same key may bind the delivery. */
static bool is_free(const struct verdict *verdict)
{
	return verdict->kind == VERDICT_NONE || verdict->reason == REASON_OVERRIDE ||
	       verdict->binding == BINDING_VERIFY;
}

/* Replies with the verdict on one next hop. If the key has several next hops and this one has no policy, the reply
 * defers: the other next hops are judged when the MTA asks again. */
static void map_reply_by(struct verdict_service *service, struct client *client, const struct outcome *outcome)
{
	struct socketmap_server *map = (struct socketmap_server *)service;
	const struct state *state = client_state(client);
	struct config *config = check_config(service->check);
	struct verdict first_contact;
	const struct verdict *verdict = &outcome->verdict;
	if (state->several && (verdict->kind == VERDICT_NONE || verdict->binding == BINDING_VERIFY)) {
		first_contact = *verdict;
		first_contact.kind = VERDICT_DEFER;
		first_contact.reason = REASON_FIRST_CONTACT;
		first_contact.binding = BINDING_NONE;
		verdict = &first_contact;
	}
	const struct map_source source = {.verdict = verdict,
		.policy = binding_has_names(verdict->binding) ? &outcome->policy : NULL,
		.monitor = config->settings->mode == MODE_MONITOR};
	map_render(map, client, config->settings, &source);
	config_unref(&config);
}

/* Keeps the reply that was just made, if it may be repeated. A key with a colon may have the name of a service, whose port
 * the system looks up each time. */
static void map_keep(struct socketmap_server *map, const struct socketmap_request *request,
	const struct question *question, const struct outcome *outcome)
{
	struct span asked = {request->map.at, request->map.len + 1 + request->key.len};
	if (outcome->basis.repeats && map->payload_len > 0 && !memchr(request->key.at, ':', request->key.len))
		map_memo_keep(&map->memo, asked, (struct span){map->payload, map->payload_len}, question, outcome);
}

/* Asks a question and replies, now or later. If nothing binds the delivery to this next hop (is_free()) and the key has other
 * next hops, returns false and does not reply; `rest` becomes the verdict if default_level = verify applies to this one. */
static bool map_judge(struct socketmap_server *map, struct client *client, const struct socketmap_request *request,
	const struct question *question, struct verdict *rest)
{
	const struct state *state = client_state(client);
	struct outcome outcome = {0};
	bool now = verdict_service_ask(&map->by_verdict, client, question, &outcome);
	bool none = now && is_free(&outcome.verdict) && outcome.final && state->several;
	if (none && outcome.verdict.binding == BINDING_VERIFY)
		*rest = outcome.verdict;
	if (now && !none)
		map_reply_by(&map->by_verdict, client, &outcome);
	if (now && !state->several)
		map_keep(map, request, question, &outcome);
	outcome_free(&outcome);
	return !none;
}

/* Handles one request. MTAs ask for one next hop at a time. A key that looks like several next hops counts as unreadable:
 * each of them may have a policy, and it is unknown which of them gets the mail. */
static void map_request(struct socketmap_server *map, struct client *client, const struct socketmap_request *request)
{
	struct state *state = client_state(client);
	struct span hop, rest = request->key, hops = request->key;
	struct verdict none = {.kind = VERDICT_NONE};
	state->dialect = map_dialect_by_name(request->map);
	state->key_len = (uint16_t)(rest.len < KEY_SHOWN ? rest.len : KEY_SHOWN);
	if (state->key_len > 0)
		memcpy(state->key, rest.at, state->key_len);
	state->several = question_next_hop(&rest, &hop) && question_next_hop(&rest, &hop);
	for (int i = 0; i <= QUESTION_HOPS_MAX && question_next_hop(&hops, &hop); i++) {
		struct question question = {.purpose = PURPOSE_MAP, .unreadable = true};
		if (i < QUESTION_HOPS_MAX)
			next_hop_question(&question, hop.at, hop.len, PURPOSE_MAP);
		question.no_dane = state->dialect == MAP_STS;
		question.unreadable |= state->several && question.has_domain;
		question.client = question_destination(&question);
		if ((question.has_domain || question.unreadable) && map_judge(map, client, request, &question, &none))
			return;
	}
	/* Other keys are parent domains (`.example.com`), address literals and paths. They have no policy, because
	 * policies are not inherited (RFC 8461 3.4, spec K-4). Of several next hops none binds the delivery. */
	struct config *config = check_config(map->by_verdict.check);
	map_render(map, client, config->settings, &(struct map_source){.verdict = &none});
	config_unref(&config);
}

/* Replies as to the same request a moment ago, if nothing has changed since. Returns false, without a reply, if it cannot. */
static bool map_again(struct socketmap_server *map, struct client *client, struct span asked)
{
	const struct map_memo_answer *answer = map_memo_find(&map->memo, asked);
	if (!answer)
		return false;
	struct config *config = check_config(map->by_verdict.check);
	const struct answer_before before = {&answer->question, &answer->basis, &answer->verdict};
	bool again = check_ask_again(map->by_verdict.check, config, &before);
	if (again)
		map_send(map, client, config->settings, &answer->verdict,
			(struct span){answer->reply, answer->reply_len});
	config_unref(&config);
	return again;
}

static size_t map_input(void *arg, struct client *client, struct span in)
{
	struct socketmap_server *map = arg;
	struct state *state = client_state(client);
	struct span payload;
	size_t used = 0;
	struct socketmap_request request;
	switch (netstring_read(in, SOCKETMAP_REQUEST_MAX, &payload, &used)) {
	case NETSTRING_MORE:
		return 0;
	case NETSTRING_MALFORMED:
		break;
	case NETSTRING_OK:
		state->asked_us = clock_mono_us();
		if (map_again(map, client, payload))
			return used;
		if (socketmap_request_parse(&request, payload)) {
			map_request(map, client, &request);
			return used;
		}
		break;
	}
	return SERVICE_MALFORMED;
}

struct service *socketmap_server_new(const struct front_end_parts *parts)
{
	struct socketmap_server *map = xcalloc(1, sizeof *map);
	verdict_service_init(&map->by_verdict, parts);
	map->by_verdict.reply = map_reply_by;
	struct service *service = &map->by_verdict.service;
	service->name = "socketmap";
	service->input_max = SOCKETMAP_REQUEST_MAX + NETSTRING_EXTRA;
	service->clients_max = SOCKETMAP_CLIENTS_MAX;
	service->state_size = sizeof(struct state);
	service->input = map_input;
	return service;
}
