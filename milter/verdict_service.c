#include "verdict_service.h"

#include "memory.h"

#include <stdatomic.h>
#include <stdlib.h>

struct lookup {
	struct later later; /* the first member, so that a pointer to it can be cast to struct lookup */
	check_ticket ticket;
	struct outcome outcome;
};

/* Called when the inquiry has ended, on any thread. Takes over the outcome's policy. */
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
	if (!check_give_up(service->check, lookup->ticket, &so_far))
		return false;
	lookup->outcome = so_far;
	return true;
}

static void lookup_answer(void *arg, struct client *client, struct later *later)
{
	struct verdict_service *service = arg;
	struct lookup *lookup = (struct lookup *)later;
	if (client)
		service->reply(service, client, &lookup->outcome);
	outcome_free(&lookup->outcome);
	free(lookup);
}

/* A lookup that an earlier question did not need, because the store had the answer. Most questions are like that, and this
 * spare saves an allocation for each of them. All services of all threads share it. */
static _Atomic(struct lookup *) spare;

bool verdict_service_ask(
	struct verdict_service *service, struct client *client, const struct question *question, struct outcome *out)
{
	struct lookup *lookup = atomic_exchange(&spare, NULL);
	if (!lookup)
		lookup = xcalloc(1, sizeof *lookup);
	lookup->ticket = CHECK_NO_TICKET;
	later_init(&lookup->later, client);
	check_ask(service->check, question, lookup_done, lookup, &lookup->ticket, out);
	if (lookup->ticket == CHECK_NO_TICKET) {
		free(atomic_exchange(&spare, lookup));
		return true;
	}
	struct config *config = check_config(service->check);
	client_wait(client, &lookup->later, config->settings->lookup_timeout * 1000);
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
