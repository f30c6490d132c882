#include "lookup.h"

#include "tally.h"

#include <stdlib.h>

/* Whoever ends the waiting frees it: check_abandon() that came in time, or the task that lookup_done() posts. */
struct lookup {
	struct loop_task task; /* first: the task is the look-up */
	const struct lookup_desk *desk;
	client_name client;
	check_ticket ticket;
	struct verdict fresh;   /* of check_fresh() */
	struct outcome outcome; /* of lookup_done(), on any thread; check_abandon() clears what it is given */
};

static void lookup_free(struct lookup *lookup)
{
	server_release(lookup->desk->server);
	outcome_free(&lookup->outcome);
	free(lookup);
}

/* A case that is cut short before it has read the store knows less than check_fresh() did; and when the store breaks in
 * between, the policy that could be read still holds (rule 9). */
static bool knows_less(const struct outcome *outcome, const struct verdict *fresh)
{
	if (outcome->verdict.has_policy || !fresh->has_policy)
		return false;
	return !outcome->final || outcome->verdict.reason == REASON_INTERNAL;
}

static void lookup_answer(struct lookup *lookup, struct client *client)
{
	struct lookup_place *place = client_state(client);
	place->lookup = NULL;
	if (knows_less(&lookup->outcome, &lookup->fresh))
		lookup->outcome.verdict = lookup->fresh;
	lookup->desk->answer(lookup->desk->arg, client, &lookup->outcome);
}

static void lookup_run(struct loop_task *task)
{
	struct lookup *lookup = (struct lookup *)task;
	struct client *client = server_client(lookup->desk->server, lookup->desk->service, lookup->client);
	struct lookup_place *place = client != NULL ? client_state(client) : NULL;
	if (place != NULL && place->lookup == lookup)
		lookup_answer(lookup, client);
	lookup_free(lookup);
}

static void lookup_done(void *arg, struct outcome *outcome)
{
	struct lookup *lookup = arg;
	lookup->outcome = *outcome;
	outcome->policy = (struct policy){.mode = POLICY_NONE};
	loop_post(server_loop(lookup->desk->server), &lookup->task);
}

void lookup_begin(const struct lookup_desk *desk, struct client *client, const struct question *question,
	const struct outcome *so_far, uint32_t wait_ms)
{
	struct lookup_place *place = client_state(client);
	struct lookup *lookup = calloc(1, sizeof *lookup);
	if (lookup == NULL)
		abort();
	lookup->task.run = lookup_run;
	lookup->desk = desk;
	lookup->client = client_name_of(client);
	lookup->fresh = so_far->verdict;
	server_hold(desk->server);
	place->lookup = lookup;
	lookup->ticket = check_start(desk->check, question, lookup_done, lookup);
	if (lookup->ticket != CHECK_NO_TICKET) {
		client_wait(client, so_far->verdict.worth_waiting ? wait_ms : 0);
		return;
	}
	place->lookup = NULL;
	lookup_free(lookup);
	tally_verdict(question->purpose, &so_far->verdict);
	desk->answer(desk->arg, client, so_far);
}

void lookup_expired(const struct lookup_desk *desk, struct client *client)
{
	struct lookup_place *place = client_state(client);
	struct lookup *lookup = place->lookup;
	struct outcome so_far;
	/* Too late to give up: the answer is on its way to this thread. */
	if (!check_abandon(desk->check, lookup->ticket, &so_far))
		return;
	lookup->outcome = so_far;
	lookup_answer(lookup, client);
	lookup_free(lookup);
}

void lookup_gone(const struct lookup_desk *desk, struct client *client)
{
	struct lookup_place *place = client_state(client);
	struct lookup *lookup = place->lookup;
	struct outcome so_far;
	place->lookup = NULL;
	if (lookup != NULL && check_abandon(desk->check, lookup->ticket, &so_far))
		lookup_free(lookup);
}
