#include "verdict_service.h"

#include "memory.h"
#include "tally.h"

#include <stdlib.h>

struct lookup {
	struct later later; /* first: the later is the lookup */
	check_ticket ticket;
	struct verdict fresh; /* of check_fresh() */
	struct outcome outcome;
};

/* On any thread. */
static void lookup_done(void *arg, struct outcome *outcome)
{
	struct lookup *lookup = arg;
	lookup->outcome = *outcome;
	outcome->policy = (struct policy){.mode = POLICY_NONE};
	later_ready(&lookup->later);
}

static bool lookup_give_up(void *arg, struct later *later)
{
	struct verdict_service *service = arg;
	struct lookup *lookup = (struct lookup *)later;
	struct outcome so_far;
	if (!check_abandon(service->check, lookup->ticket, &so_far))
		return false;
	lookup->outcome = so_far;
	return true;
}

/* A case that is cut short before it has read the store knows less than check_fresh() did; and when the store breaks in
 * between, the policy that could be read still holds (rule 9). */
static bool knows_less(const struct outcome *outcome, const struct verdict *fresh)
{
	if (outcome->verdict.has_policy || !fresh->has_policy)
		return false;
	return !outcome->final || outcome->verdict.reason == REASON_INTERNAL;
}

static void lookup_answer(void *arg, struct client *client, struct later *later)
{
	struct verdict_service *service = arg;
	struct lookup *lookup = (struct lookup *)later;
	if (knows_less(&lookup->outcome, &lookup->fresh))
		lookup->outcome.verdict = lookup->fresh;
	if (client)
		service->reply(service, client, &lookup->outcome);
	outcome_free(&lookup->outcome);
	free(lookup);
}

bool verdict_service_ask(
	struct verdict_service *service, struct client *client, const struct question *question, struct outcome *out)
{
	if (check_fresh(service->check, question, out))
		return true;
	struct lookup *lookup = xcalloc(1, sizeof *lookup);
	later_init(&lookup->later, client);
	lookup->fresh = out->verdict;
	lookup->ticket = check_start(service->check, question, lookup_done, lookup);
	if (lookup->ticket == CHECK_NO_TICKET) {
		free(lookup);
		tally_verdict(question->purpose, &out->verdict);
		return true;
	}
	/* A verdict that is not worth waiting for is replied without a wait; the lookup goes on all the same. */
	struct config *config = check_config(service->check);
	client_wait(client, &lookup->later, out->verdict.worth_waiting ? config->settings->lookup_timeout * 1000 : 0);
	config_unref(&config);
	return false;
}

void verdict_service_init(struct verdict_service *service, const struct front_end_parts *parts)
{
	service->check = parts->check;
	service->service.idle_ms = CLIENT_IDLE_MS;
	service->service.partial_ms = CLIENT_PARTIAL_MS;
	service->service.arg = service;
	service->service.answer = lookup_answer;
	service->service.give_up = lookup_give_up;
}
