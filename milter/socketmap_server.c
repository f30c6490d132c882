#include "socketmap_server.h"

#include "answer.h"
#include "log.h"
#include "lookup.h"
#include "map_reply.h"
#include "quiet.h"
#include "socketmap.h"
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETSTRING_EXTRA 16 /* octets of a netstring beside its payload */
#define MALFORMED_SHOWN 80 /* characters of a malformed request in the log */

struct socketmap_server {
	struct check *check;
	struct service service;
	struct lookup_desk desk;
	struct quiet malformed;
	char payload[MAP_REPLY_MAX + 1];
	char wire[MAP_REPLY_MAX + NETSTRING_EXTRA];
};

struct state {
	struct lookup_place place; /* first: lookup.h */
	enum map_dialect dialect;  /* of the request in hand */
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

static void map_request(struct socketmap_server *map, struct client *client, struct span key)
{
	struct question question;
	question_from_next_hop(&question, key.at, key.len, PURPOSE_MAP);
	question.no_dane = ((const struct state *)client_state(client))->dialect == MAP_STS;
	if (!question.has_domain) {
		/* Parents (`.example.com`), address literals, paths: a policy is never inherited (RFC 8461 3.4; spec
		 * K-4). */
		const struct verdict none = {.kind = VERDICT_NONE};
		map_render(map, client, &(struct map_source){.verdict = &none});
		return;
	}
	struct outcome outcome = {0};
	if (check_fresh(map->check, &question, &outcome))
		map_answer(map, client, &outcome);
	else
		map_look_up(map, client, &question, &outcome);
	outcome_free(&outcome);
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
			((struct state *)client_state(client))->dialect = map_dialect_by_name(request.map);
			map_request(map, client, request.key);
			return used;
		}
		break;
	}
	map_malformed(map, client, in);
	return in.len;
}

struct socketmap_server *socketmap_server_new(struct server *server, struct check *check)
{
	struct socketmap_server *map = calloc(1, sizeof *map);
	if (map == NULL)
		abort();
	map->check = check;
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
	map->desk = (struct lookup_desk){
		.server = server, .check = check, .service = &map->service, .arg = map, .answer = map_answer};
	return map;
}

const struct service *socketmap_server_service(const struct socketmap_server *map)
{
	return &map->service;
}

void socketmap_server_free(struct socketmap_server **map)
{
	free(*map);
	*map = NULL;
}
