#include "delegation_server.h"

#include "clock.h"
#include "delegation.h"
#include "memory.h"
#include "next_hop.h"
#include "report.h"
#include "tlsrpt_envelope.h"
#include "verdict_service.h"

#include <string.h>

#define WORD_SIZE 64  /* octets of a queue id or an instance; a longer one counts as empty */
#define HEADERS_MAX 8 /* headers that are remembered for one message */

/* The server's memory of one client: its current request, and the message that the request belongs to. */
struct state {
	int64_t asked_us;
	bool authenticated;
	char queue_id[WORD_SIZE];
	char instance[WORD_SIZE];
	uint32_t header[HEADERS_MAX]; /* hashes of the headers that this message already has */
	unsigned header_count;
	struct verdict_logged unchecked; /* domains whose unchecked delivery was logged for this message */
};

static void word_copy(char out[WORD_SIZE], struct span word)
{
	size_t len = word.len < WORD_SIZE ? word.len : 0;
	if (len > 0)
		memcpy(out, word.at, len);
	out[len] = '\0';
}

/* Returns whether this message already has the header. If not, remembers the header. The recipients of a message mostly
 * get the same header, and Postfix would insert all copies. If two different headers have the same hash, the second one
 * is not inserted; that does not affect safety. */
static bool header_is_repeated(struct state *state, const struct text *reply)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < reply->len; i++)
		hash = (hash ^ (unsigned char)reply->bytes[i]) * 16777619u;
	for (unsigned i = 0; i < state->header_count; i++)
		if (state->header[i] == hash)
			return true;
	if (state->instance[0] != '\0' && state->header_count < HEADERS_MAX)
		state->header[state->header_count++] = hash;
	return false;
}

static void reply_send(struct client *client, const struct delegation_reply *reply)
{
	char bytes[DELEGATION_REPLY_SIZE];
	struct text text;
	text_init(&text, bytes, sizeof bytes);
	delegation_reply(&text, reply);
	if (reply->action == DELEGATION_PREPEND && header_is_repeated(client_state(client), &text)) {
		text_init(&text, bytes, sizeof bytes);
		delegation_reply(&text, &(struct delegation_reply){.action = DELEGATION_DUNNO});
	}
	counters_answer(DOOR_DELEGATION, ((const struct state *)client_state(client))->asked_us);
	client_reply(client, (struct span){text.bytes, text.len});
}

static void delegation_dunno(struct client *client)
{
	counters_delegation(DEED_ACCEPT);
	reply_send(client, &(struct delegation_reply){.action = DELEGATION_DUNNO});
}

static void delegation_reply_by(struct verdict_service *service, struct client *client, const struct outcome *outcome)
{
	struct state *state = client_state(client);
	struct config *config = check_config(service->check);
	const struct settings *settings = config->settings;
	enum session_kind kind = state->authenticated ? SESSION_AUTHENTICATED : SESSION_SMTP;
	struct decision decision = action_decide(settings, kind, &outcome->verdict);
	/* In mode monitor no header is added, because here nothing removes forged headers (design 6.7). */
	decision.tag = decision.tag && settings->mode != MODE_MONITOR;
	struct verdict_seen seen = {.door = DOOR_DELEGATION,
		.settings = settings,
		.verdict = &outcome->verdict,
		.queue_id = {state->queue_id, strlen(state->queue_id)}};
	verdict_seen_decide(&seen, &decision);
	check_verdict_seen(service->check, &seen, &state->unchecked);
	check_verdict_acted(service->check, &seen);
	counters_delegation(action_deed(&decision));
	/* The header names domains only with milter_tag_domains: later recipients are not known yet, and a header must
	 * not reveal blind copies. */
	reply_send(client, &(struct delegation_reply){.action = action_delegation(&decision),
				   .verdict = &outcome->verdict,
				   .header = settings->milter_header,
				   .with_domains = settings->milter_tag_domains});
	config_unref(&config);
}

/* Makes the question for a recipient's domain. Returns false if there is nothing to judge. If delegation_domain is a
 * smart host, the question names the smart host, also for an address literal. Only a domain in exempt_domains is named
 * itself, because its mail does not go to the smart host. */
static bool question_make(struct question *question, struct span domain, const struct config *config)
{
	const char *hop = config->settings->delegation_domain;
	question_from_domain(question, domain.at, domain.len, PURPOSE_DELIVER);
	if (strcmp(hop, CONFIG_BY_RECIPIENT) == 0)
		return question->has_domain || question->unreadable;
	if (question->has_domain && names_cover(&config->rules.exempt_domains, question->domain))
		return true;
	next_hop_question(question, hop, strlen(hop), PURPOSE_DELIVER);
	return true;
}

/* Returns whether the message is one of our own TLS reports, as message_is_report() does for the milter. */
static bool is_report(const struct delegation_request *request, const struct settings *settings)
{
	struct span token;
	return tlsrpt_envelope_token(request->sender, settings->report_from, &token) &&
	       !delegation_authenticated(request) && tlsrpt_envelope_local(request->client);
}

static void delegation_request(
	struct verdict_service *service, struct client *client, const struct delegation_request *request)
{
	struct state *state = client_state(client);
	struct span domain;
	struct question question;
	char instance[WORD_SIZE];
	state->asked_us = clock_mono_us();
	word_copy(instance, request->instance);
	if (instance[0] == '\0' || strcmp(instance, state->instance) != 0)
		state->header_count = state->unchecked.count = 0;
	memcpy(state->instance, instance, sizeof instance);
	word_copy(state->queue_id, request->queue_id);
	state->authenticated = delegation_authenticated(request);
	if (!delegation_domain(request, &domain)) {
		delegation_dunno(client);
		return;
	}
	struct config *config = check_config(service->check);
	bool asks = !is_report(request, config->settings) && question_make(&question, domain, config);
	config_unref(&config);
	if (!asks) {
		delegation_dunno(client);
		return;
	}
	question_set_client(&question, request->client);
	struct outcome outcome = {0};
	if (verdict_service_ask(service, client, &question, &outcome)) {
		if (outcome.final)
			check_next_hop(service->check, &outcome.verdict, "delegation", domain);
		delegation_reply_by(service, client, &outcome);
	}
	outcome_free(&outcome);
}

static size_t delegation_input(void *arg, struct client *client, struct span in)
{
	struct delegation_request request;
	size_t used = 0;
	switch (delegation_read(&request, in, &used)) {
	case DELEGATION_OK:
		delegation_request(arg, client, &request);
		return used;
	case DELEGATION_MORE:
		return 0;
	case DELEGATION_MALFORMED:
		break;
	}
	return SERVICE_MALFORMED;
}

struct service *delegation_server_new(const struct front_end_parts *parts)
{
	struct verdict_service *delegation = xcalloc(1, sizeof *delegation);
	verdict_service_init(delegation, parts);
	delegation->reply = delegation_reply_by;
	struct service *service = &delegation->service;
	service->name = "delegation";
	service->input_max = DELEGATION_REQUEST_MAX;
	service->clients_max = DELEGATION_CLIENTS_MAX;
	service->state_size = sizeof(struct state);
	service->input = delegation_input;
	return service;
}
