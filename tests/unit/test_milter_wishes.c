/* Random messages that ask for less TLS or for more (RFC 8689), through the real libmilter, against a model of the rules of
 * WHAT A MESSAGE CAN ASK FOR in stsgated(8). */
#include "milter_room.h"

#include "corpus.h"

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3000
#define RECIPIENTS_MAX 5
#define FIELDS_MAX 4
#define OVERRIDES_MAX 5

enum deed_here { PASSES, WAITS, HELD, REFUSED_FOR_GOOD };

/* What the fake check says about a domain. */
static const struct {
	const char *name;
	bool fails;    /* under an enforce policy in force */
	bool unproven; /* not checked yet */
	bool policy;   /* an enforce policy is in force */
	bool revoked;
	bool no_record;
} domains[] = {
	{"enforce.example", true, false, true, false, false},
	{"enforce-other.example", true, false, true, false, false},
	{"revoked.example", true, false, true, true, false},
	{"defer.example", false, true, true, false, false},
	{"unknown.example", false, true, false, false, false},
	{"enforce-tagged.example", false, false, true, false, false},
	{"testing.example", false, false, false, false, false},
	{"pass.example", false, false, true, false, false},
	{"none.example", false, false, false, false, true},
	{"exempt.example", false, false, false, false, false},
};

static const struct {
	const char *name, *value;
	bool wish; /* the name is that of the field */
	bool no;   /* and its value is No */
	bool demand;
} fields[] = {
	{"TLS-Required", "No", true, true, false},
	{"tls-REQUIRED", "\t(for once) nO (please)", true, true, false},
	{"TLS-Required", "No\r\n ", true, true, false},
	{"TLS-Required", "Yes", true, false, false},
	{"TLS-Required", "No, No", true, false, false},
	{"TLS-Required", "\"No\"", true, false, false},
	{"TLS-Required", "No (", true, false, false},
	{"TLS-Required", "", true, false, false},
	{"X-TLS-Required", "No", false, false, false},
	{"TLS-Required-No", "No", false, false, false},
	{"Subject", "TLS-Required: No", false, false, false},
	{"Require-TLS-ESMTP", "yes", false, false, true},
};

struct plan {
	bool monitor, mta_enforces, headers, map, refuse, local, requiretls, here;
	const char *on_fail, *sender, *senders;
	unsigned recipients, field_count;
	unsigned recipient[RECIPIENTS_MAX], field[FIELDS_MAX];
};

static struct milter_client client;
static uint32_t seed = 8689;

static unsigned any(unsigned count)
{
	return corpus_random(&seed) % count;
}

static const char *one_of(const char *const *words, unsigned count)
{
	return words[any(count)];
}

static struct plan plan_make(void)
{
	static const char *const on_fail[] = {"defer", "quarantine", "tag"};
	static const char *const froms[] = {"<>", "<me@sender.example>", "<ME@Sender.Example>", "<me@other.example>"};
	static const char *const lists[] = {"<>", "me@sender.example", "@sender.example", "<> @other.example"};
	struct plan plan = {
		.monitor = any(8) == 0, .mta_enforces = any(2), .refuse = any(2), .requiretls = any(3) == 0};
	unsigned treatment = any(3);
	plan.headers = treatment == 0;
	plan.map = treatment == 1 && plan.mta_enforces;
	plan.local = any(5) == 0;
	plan.here = !plan.requiretls && any(2); /* milter_client_mail_requiretls() gives no address */
	plan.on_fail = one_of(on_fail, COUNT(on_fail));
	plan.sender = one_of(froms, COUNT(froms));
	plan.senders = one_of(lists, COUNT(lists));
	plan.recipients = 1 + any(RECIPIENTS_MAX);
	plan.field_count = any(FIELDS_MAX + 1);
	for (unsigned i = 0; i < plan.recipients; i++)
		plan.recipient[i] = any(COUNT(domains));
	for (unsigned i = 0; i < plan.field_count; i++)
		plan.field[i] = any(COUNT(fields));
	return plan;
}

static void plan_set(const struct plan *plan)
{
	char text[OVERRIDES_MAX][64];
	const char *const treatment = plan->headers ? "headers" : plan->map ? "map" : "ignore";
	const char *overrides[] = {plan->monitor ? "mode=monitor" : "mode=enforce",
		plan->mta_enforces ? "mta_enforces=yes" : "mta_enforces=no",
		plan->refuse ? "requiretls=refuse" : "requiretls=tag", text[0], text[1], text[2]};
	snprintf(text[0], sizeof text[0], "milter_on_fail=%s", plan->on_fail);
	snprintf(text[1], sizeof text[1], "tls_required_no=%s", treatment);
	snprintf(text[2], sizeof text[2], "tls_required_no_senders=%s", plan->senders);
	milter_room_settings(overrides, COUNT(overrides));
}

/* --- the model ---------------------------------------------------------------------------------------------------- */

/* Returns whether the map alone decides about mail of this sender. */
static bool is_left_to_map(const struct plan *plan)
{
	bool null = strcmp(plan->sender, "<>") == 0, me = !null && strstr(plan->sender, "ther.example") == NULL;
	if (!plan->map)
		return false;
	if (null)
		return strstr(plan->senders, "<>") != NULL && (plan->local || plan->here);
	return strstr(plan->senders, me ? "@sender.example" : "@other.example") != NULL;
}

/* Returns whether the message is to be delivered even without TLS. */
static bool is_no(const struct plan *plan)
{
	unsigned wishes = 0;
	bool no = false, demand = plan->requiretls;
	for (unsigned i = 0; i < plan->field_count; i++) {
		wishes += fields[plan->field[i]].wish;
		no = no || fields[plan->field[i]].no;
		demand = demand || fields[plan->field[i]].demand;
	}
	return wishes == 1 && no && !demand;
}

/* What becomes of a recipient without any wish for less TLS. */
static enum deed_here deed_of(const struct plan *plan, unsigned domain)
{
	bool tag = strcmp(plan->on_fail, "tag") == 0;
	if (plan->monitor)
		return PASSES;
	if (plan->requiretls && plan->refuse && domains[domain].no_record && !plan->local)
		return REFUSED_FOR_GOOD;
	if (plan->local) /* see milter_on_fail_local */
		return !plan->mta_enforces && domains[domain].policy &&
				       (domains[domain].fails || domains[domain].unproven)
			       ? HELD
			       : PASSES;
	if (tag || (!domains[domain].fails && !domains[domain].unproven))
		return PASSES;
	return domains[domain].fails && strcmp(plan->on_fail, "quarantine") == 0 ? HELD : WAITS;
}

/* --- the milter --------------------------------------------------------------------------------------------------- */

static enum deed_here reply_of(const char *reply, const char *domain)
{
	char part[80];
	snprintf(part, sizeof part, "<%s>", domain);
	if (strcmp(reply, "c") == 0)
		return PASSES;
	if (strstr(reply, part) && strncmp(reply, "451 4.7.5 ", 10) == 0)
		return WAITS;
	if (strstr(reply, part) && strncmp(reply, "550 5.7.30 ", 11) == 0)
		return REFUSED_FOR_GOOD;
	fail_msg("%s: `%s`", domain, reply);
	return PASSES;
}

static void mail(const struct plan *plan)
{
	bool sent = plan->requiretls ? milter_client_mail_requiretls(&client, plan->sender)
				     : milter_client_mail_from(&client, plan->sender,
					       plan->local  ? NULL
					       : plan->here ? "127.0.0.1"
							    : "192.0.2.1",
					       NULL);
	assert_true(sent);
}

static enum deed_here rcpt(const struct plan *plan, unsigned domain)
{
	char out[MILTER_REPLY_SIZE], argument[80];
	const char *name = domains[domain].name;
	snprintf(argument, sizeof argument, plan->local ? "a@%s" : "<a@%s>", name);
	return reply_of(milter_client_rcpt(
				&client, argument, plan->local ? NULL : "smtp", plan->local ? NULL : name, NULL, out),
		name);
}

/* The end of the message. `waiting`: the domains whose mail delays the whole message. */
static void end(const struct plan *plan, const bool *waiting, bool refused, bool held, unsigned round)
{
	char out[MILTER_REPLY_SIZE], part[80];
	for (unsigned i = 0; i < plan->field_count; i++)
		assert_true(milter_client_header(&client, fields[plan->field[i]].name, fields[plan->field[i]].value));
	milter_client_end(&client, "4QID", out);
	bool is_refused = strncmp(out, "451", 3) == 0, is_held = strstr(out, "quarantine stsgate: ") != NULL;
	if (is_refused != refused || is_held != (held && !refused))
		fail_msg("round %u: `%s`", round, out);
	for (unsigned domain = 0; domain < COUNT(domains) && refused; domain++) {
		snprintf(part, sizeof part, "4.7.5 <%s> ", domains[domain].name);
		const char *found = strstr(out, part);
		if ((found != NULL) != waiting[domain] || (found && strstr(found + 1, part)))
			fail_msg("round %u, %s: `%s`", round, domains[domain].name, out);
	}
	if (refused)
		assert_true(milter_client_send(&client, 'A', NULL, 0));
}

/* Plays a message. Whatever it asks for, mail that the policy holds passes only as the settings allow. */
static void play(const struct plan *plan, unsigned round)
{
	bool waiting[COUNT(domains)] = {false}, refused = false, held = false, accepted = false;
	bool left = is_left_to_map(plan), no = plan->headers && is_no(plan);
	plan_set(plan);
	mail(plan);
	for (unsigned i = 0; i < plan->recipients; i++) {
		unsigned domain = plan->recipient[i];
		enum deed_here deed = deed_of(plan, domain);
		bool delays = deed == WAITS || deed == HELD;
		if (delays && (no || (left && !domains[domain].revoked)))
			deed = PASSES;
		/* With REQUIRETLS the header can release nothing, so nothing waits for it. */
		bool later = plan->headers && !plan->requiretls && deed == WAITS;
		enum deed_here expected = later || deed == HELD ? PASSES : deed;
		enum deed_here got = rcpt(plan, domain);
		if (got != expected)
			fail_msg("round %u, %s: %d, not %d", round, domains[domain].name, got, expected);
		waiting[domain] = waiting[domain] || later;
		refused = refused || later;
		held = held || deed == HELD;
		accepted = accepted || got == PASSES;
	}
	if (accepted)
		end(plan, waiting, refused, held, round);
	else
		assert_true(milter_client_send(&client, 'A', NULL, 0));
}

static void no_message_weakens_a_policy(void **state)
{
	(void)state;
	unsigned released = 0, delayed = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct plan plan = plan_make();
		play(&plan, round);
		released += plan.headers && is_no(&plan);
		delayed += plan.headers && !is_no(&plan);
	}
	assert_in_range(released, ROUNDS / 100, ROUNDS);
	assert_in_range(delayed, ROUNDS / 10, ROUNDS);
}

static int client_open(void **state)
{
	int status = milter_room_open(state);
	return status == 0 && milter_client_open(&client, milter_room_path()) ? 0 : -1;
}

static int client_close(void **state)
{
	milter_client_close(&client);
	return milter_room_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_message_weakens_a_policy)};
	return cmocka_run_group_tests(tests, client_open, client_close);
}
