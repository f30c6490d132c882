#include "socketmap_server.h"

#include "answer.h"
#include "log.h"
#include "lookup.h"
#include "map_reply.h"
#include "memory.h"
#include "next_hop.h"
#include "quiet.h"
#include "socketmap.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETSTRING_EXTRA 16 /* octets of a netstring beside its payload */
#define MALFORMED_SHOWN 80 /* characters of a malformed request in the log */
#define KEY_SHOWN 101      /* octets of a key that cannot be read, for an event */

struct socketmap_server {
	struct service service; /* first: front_end.h */
	struct check *check;
	struct lookup_desk desk;
	struct quiet malformed;
	char payload[MAP_REPLY_MAX + 1];
	char wire[MAP_REPLY_MAX + NETSTRING_EXTRA];
};

/* Of the request in hand. */
struct state {
	struct lookup_place place; /* first: lookup.h */
	enum map_dialect dialect;
	bool several; /* next hops in one key */
	char key[KEY_SHOWN];
	uint16_t key_len; /* KEY_SHOWN at most, of a longer one */
};

static void map_log(const struct verdict *verdict, struct span reply)
{
	if (verdict->kind == VERDICT_NONE)
		return;
	char line[ANSWER_LOG_SIZE];
	struct text text;
	text_init(&text, line, sizeof line);
	answer_log(&text, verdict);
	bool ok = reply.len > 0 && reply.at[0] == 'O';
	const char *action = ok ? binding_name(verdict->binding) : reply.at[0] == 'T' ? "temp" : "notfound";
	log_info("frontend=socketmap %s action=%s", line, action);
}

static void map_send(struct socketmap_server *map, struct client *client, struct span payload)
{
	size_t len = netstring_write(map->wire, sizeof map->wire, payload);
	if (len == 0)
		abort();
	tally_map_reply(payload);
	client_reply(client, (struct span){map->wire, len});
}

static void map_refused(struct socketmap_server *map, const struct verdict *verdict, enum map_dialect dialect)
{
	char detail[64];
	snprintf(detail, sizeof detail, "map %s", map_dialect_name(dialect));
	check_event(map->check, EVENT_MAP_REPLY_REFUSED, verdict->domain, detail);
}

static void map_render(struct socketmap_server *map, struct client *client, const struct map_source *source)
{
	const struct state *state = client_state(client);
	struct text text;
	text_init(&text, map->payload, sizeof map->payload);
	if (!map_reply(&text, state->dialect, source))
		map_refused(map, source->verdict, state->dialect);
	next_hop_note(map->check, source->verdict, "map", (struct span){state->key, state->key_len});
	struct span payload = {text.bytes, text.len};
	map_log(source->verdict, payload);
	map_send(map, client, payload);
}

static void map_answer(void *arg, struct client *client, const struct outcome *outcome)
{
	struct socketmap_server *map = arg;
	struct config *config = check_config(map->check);
	bool monitor = config->settings->mode == MODE_MONITOR;
	config_unref(&config);
	bool secure = outcome->verdict.binding == BINDING_SECURE;
	const struct map_source source = {
		.verdict = &outcome->verdict, .policy = secure ? &outcome->policy : NULL, .monitor = monitor};
	map_render(map, client, &source);
}

/* What was found out, perhaps, of one next hop of several: the others are looked at when the MTA asks again. */
static void map_found(void *arg, struct client *client, const struct outcome *outcome)
{
	const struct state *state = client_state(client);
	struct outcome found = *outcome;
	if (state->several && found.verdict.kind == VERDICT_NONE) {
		found.verdict.kind = VERDICT_DEFER;
		found.verdict.reason = REASON_FIRST_CONTACT;
	}
	map_answer(arg, client, &found);
}

static void map_expired(void *arg, struct client *client)
{
	const struct socketmap_server *map = arg;
	lookup_expired(&map->desk, client);
}

static void map_gone(void *arg, struct client *client)
{
	const struct socketmap_server *map = arg;
	lookup_gone(&map->desk, client);
}

static void map_look_up(struct socketmap_server *map, struct client *client, const struct question *question,
	const struct outcome *so_far)
{
	struct config *config = check_config(map->check);
	uint32_t wait_ms = config->settings->lookup_timeout * 1000;
	config_unref(&config);
	lookup_begin(&map->desk, client, question, so_far, wait_ms);
}

/* Parents (`.example.com`), address literals, paths: a policy is never inherited (RFC 8461 3.4; spec K-4). */
static void map_none(struct socketmap_server *map, struct client *client)
{
	const struct verdict none = {.kind = VERDICT_NONE};
	map_render(map, client, &(struct map_source){.verdict = &none});
}

/* False when the next hop has no policy and others follow. */
static bool map_judge(struct socketmap_server *map, struct client *client, const struct question *question)
{
	const struct state *state = client_state(client);
	struct outcome outcome = {0};
	bool none = false;
	if (check_fresh(map->check, question, &outcome)) {
		none = state->several && outcome.verdict.kind == VERDICT_NONE;
		if (!none)
			map_answer(map, client, &outcome);
	} else {
		map_look_up(map, client, question, &outcome);
	}
	outcome_free(&outcome);
	return !none;
}

static void state_take(struct state *state, const struct socketmap_request *request)
{
	struct span hop, rest = request->key;
	state->dialect = map_dialect_by_name(request->map);
	state->key_len = (uint16_t)(rest.len < KEY_SHOWN ? rest.len : KEY_SHOWN);
	if (state->key_len > 0)
		memcpy(state->key, rest.at, state->key_len);
	state->several = question_next_hop(&rest, &hop) && question_next_hop(&rest, &hop);
}

/* MTAs ask for one next hop at a time. What looks like several is unreadable: each of them may have a policy, and
 * nobody knows which of them gets the mail. */
static void map_request(struct socketmap_server *map, struct client *client, const struct socketmap_request *request)
{
	struct state *state = client_state(client);
	struct span hop, hops = request->key;
	state_take(state, request);
	for (int i = 0; i <= QUESTION_HOPS_MAX && question_next_hop(&hops, &hop); i++) {
		struct question question = {.purpose = PURPOSE_MAP, .unreadable = true};
		if (i < QUESTION_HOPS_MAX)
			next_hop_question(&question, hop.at, hop.len, PURPOSE_MAP);
		question.no_dane = state->dialect == MAP_STS;
		question.unreadable |= state->several && question.has_domain;
		question.client = question_destination(&question);
		if ((question.has_domain || question.unreadable) && map_judge(map, client, &question))
			return;
	}
	map_none(map, client);
}

static void map_malformed(struct socketmap_server *map, struct client *client, struct span in)
{
	unsigned left_out;
	if (quiet_over(&map->malformed, &left_out)) {
		char shown[4 * MALFORMED_SHOWN + 8];
		struct text text;
		text_init(&text, shown, sizeof shown);
		text_quote(&text, in.at, in.len, MALFORMED_SHOWN);
		log_warning(
			"frontend=socketmap hung up on a malformed request (and on %u before): %s", left_out, shown);
	}
	client_close(client);
}

static size_t map_input(void *arg, struct client *client, struct span in)
{
	struct socketmap_server *map = arg;
	struct span payload;
	size_t used = 0;
	struct socketmap_request request;
	switch (netstring_read(in, SOCKETMAP_REQUEST_MAX, &payload, &used)) {
	case NETSTRING_MORE:
		return 0;
	case NETSTRING_MALFORMED:
		break;
	case NETSTRING_OK:
		if (socketmap_request_parse(&request, payload)) {
			map_request(map, client, &request);
			return used;
		}
		break;
	}
	map_malformed(map, client, in);
	return in.len;
}

struct service *socketmap_server_new(const struct front_end_parts *parts)
{
	struct socketmap_server *map = xcalloc(1, sizeof *map);
	map->check = parts->check;
	map->service = (struct service){.name = "socketmap",
		.input_max = SOCKETMAP_REQUEST_MAX + NETSTRING_EXTRA,
		.clients_max = SOCKETMAP_CLIENTS_MAX,
		.idle_ms = SERVER_IDLE_MS,
		.partial_ms = SERVER_PARTIAL_MS,
		.state_size = sizeof(struct state),
		.arg = map,
		.input = map_input,
		.expired = map_expired,
		.gone = map_gone};
	map->desk = (struct lookup_desk){.server = parts->server,
		.check = parts->check,
		.service = &map->service,
		.arg = map,
		.answer = map_found};
	return &map->service;
}
