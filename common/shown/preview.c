#include "preview.h"

#include "json_value.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Returns the payload of the map's reply, which the caller frees. `binding`: what it would bind the MTA to without
 * `monitor`. */
static char *map_payload(enum map_dialect dialect, const struct facts *facts, bool monitor, enum binding *binding)
{
	struct facts by_map = *facts; /* borrows from `facts`; not freed */
	struct policy policy;
	struct text text;
	char *payload = xmalloc(MAP_REPLY_MAX + 1);
	by_map.forced = false;
	by_map.question.purpose = PURPOSE_MAP;
	by_map.question.no_dane = dialect == MAP_STS;
	struct step step = verdict_next(&by_map);
	verdict_policy_copy(&policy, &by_map);
	bool named = binding_has_names(step.verdict.binding);
	const struct map_source source = {
		.verdict = &step.verdict, .policy = named ? &policy : NULL, .monitor = monitor};
	text_init(&text, payload, MAP_REPLY_MAX + 1);
	map_reply(&text, dialect, &source);
	policy_free(&policy);
	*binding = step.verdict.binding;
	/* The socketmap protocol wants a blank after a word without text. */
	if (text.len > 0 && payload[text.len - 1] == ' ')
		payload[text.len - 1] = '\0';
	return payload;
}

/* --- what the MTA would do ---------------------------------------------------------------------------------------- */

#define NAMED_HOSTS_MAX 4

/* Adds the mail hosts that the policy allows, such as `mx1.example.com or mx2.example.com`. */
static void hosts_add(struct text *out, const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	const struct mx_set *mx = &facts->entry.mx;
	const char *host = NULL;
	unsigned count = 0;
	bool listed = facts->question.mx_lookup && mx->state == MX_LISTED;
	while (policy && (host = listed ? names_next(&mx->names, host) : host ? NULL : facts->question.host)) {
		if (!policy_allows(policy, host) || count > NAMED_HOSTS_MAX)
			continue;
		text_add(out, count > 0 ? " or " : "");
		text_add(out, count == NAMED_HOSTS_MAX ? "other hosts that the policy allows" : host);
		count++;
	}
	text_add(out, count == 0 ? "a host that the policy allows" : "");
}

/* Returns whether every mail host fails what the binding demands, as far as the facts show. */
static bool binding_fails(enum binding binding, const struct facts *facts)
{
	switch (binding) {
	case BINDING_NONE:
	case BINDING_DANE:
		break;
	case BINDING_SECURE:
		return verdict_secure_fails(facts);
	case BINDING_DANE_ONLY:
		return verdict_dane_fails(facts);
	case BINDING_VERIFY:
		return verdict_default(facts).kind == VERDICT_FAIL_ENFORCE;
	}
	return false;
}

/* Writes what an MTA does with the map's reply. `fails`: no mail host satisfies the reply. */
static void mta_sentence(char out[PREVIEW_SENTENCE_SIZE], const char *mta, const char *payload, enum binding binding,
	const struct facts *facts, bool fails)
{
	struct text text;
	text_init(&text, out, PREVIEW_SENTENCE_SIZE);
	text_add(&text, mta);
	if (begins(payload, "TEMP ")) {
		text_add(&text, " keeps the message in its queue and tries again");
	} else if (begins(payload, "OK dane-only")) {
		text_add(&text, " delivers only to a mail host whose certificate matches its TLSA records");
	} else if (begins(payload, "OK dane")) {
		text_add(&text,
			" demands a matching certificate from mail hosts with TLSA records, and delivers to others "
			"as without stsgate");
	} else if (begins(payload, "NOTFOUND")) {
		text_add(&text, " delivers as without stsgate");
	} else if (binding == BINDING_VERIFY) {
		text_add(&text, " delivers only over TLS, to a mail host with a valid certificate for its name");
	} else {
		text_add(&text, " delivers only over verified TLS, to ");
		hosts_add(&text, facts);
	}
	if (fails)
		text_add(&text, "; no mail host satisfies that now, so the message stays in the queue");
}

const char *preview_milter(const struct preview *preview)
{
	const struct decision *decision = &preview->decision;
	switch (decision->action) {
	case ACTION_REFUSE:
		if (preview->after_header)
			return "the MTA answers 451 at the end of the message, unless its header has `TLS-Required: No`, and "
			       "the client keeps the message and tries again";
		return "the MTA answers 451 to the recipient, and the client keeps the message and tries again";
	case ACTION_REJECT:
		return "the MTA answers 550 to the recipient, and the sender gets the message back";
	case ACTION_HOLD:
		return "the MTA accepts the message and holds it until somebody releases it";
	case ACTION_ACCEPT:
		break;
	}
	return decision->tag ? "the MTA accepts the message and adds the header field" : "the MTA accepts the message";
}

/* --- the preview -------------------------------------------------------------------------------------------------- */

static void milter_fill(struct preview *preview, const struct verdict *verdict, const struct settings *settings)
{
	struct text text;
	if (preview->decision.action == ACTION_REFUSE) {
		text_init(&text, preview->reply, sizeof preview->reply);
		text_add(&text, "451 4.7.5 ");
		answer_reply(&text, verdict);
	} else if (preview->decision.tag) {
		char value[ANSWER_HEADER_SIZE];
		text_init(&text, value, sizeof value);
		answer_header(&text, verdict, true);
		text_init(&text, preview->header, sizeof preview->header);
		text_add(&text, settings->milter_header);
		text_add(&text, ": ");
		text_add(&text, value);
	}
}

static void delegation_fill(struct preview *preview, const struct verdict *verdict, const struct settings *settings)
{
	struct text text;
	struct decision decision = preview->decision;
	decision.tag = decision.tag && settings->mode != MODE_MONITOR; /* as the daemon does it */
	const struct delegation_reply reply = {.action = action_delegation(&decision),
		.verdict = verdict,
		.header = settings->milter_header,
		.with_domains = settings->milter_tag_domains};
	text_init(&text, preview->delegation, sizeof preview->delegation);
	delegation_reply(&text, &reply);
	preview->delegation[strcspn(preview->delegation, "\n")] = '\0';
}

/* Returns the verdict of a front end that asks before delivery. It differs from a query's verdict only if an override is in
 * force: a query judges as without it. */
static struct verdict front_verdict(const struct verdict *verdict, const struct facts *facts)
{
	struct facts by_front = *facts; /* borrows from `facts`; not freed */
	if (!override_in_force(&facts->override, facts->now))
		return *verdict;
	by_front.forced = false;
	by_front.question.purpose = PURPOSE_DELIVER;
	return verdict_next(&by_front).verdict;
}

void preview_init(struct preview *preview, const struct verdict *asked, const struct facts *facts,
	const struct settings *settings)
{
	const struct verdict front = front_verdict(asked, facts), *verdict = &front;
	*preview = (struct preview){.front = front,
		.decision = action_decide(settings, SESSION_SMTP, &front),
		.after_header = settings_tls_required_no(settings) == TLS_REQUIRED_NO_HEADERS};
	milter_fill(preview, verdict, settings);
	delegation_fill(preview, verdict, settings);
	enum binding binding[MAP_DIALECTS];
	for (int i = 0; i < MAP_DIALECTS; i++)
		preview->map[i] = map_payload((enum map_dialect)i, facts, settings->mode == MODE_MONITOR, &binding[i]);
	const char *plain = preview->map[MAP_PLAIN], *sts = preview->map[MAP_STS];
	struct facts by_sts = *facts; /* borrows from `facts`; not freed */
	by_sts.question.no_dane = true;
	bool sts_fails = begins(sts, "OK ") && binding_fails(binding[MAP_STS], &by_sts);
	preview->bound_fails = begins(plain, "OK ") && binding_fails(binding[MAP_PLAIN], facts);
	mta_sentence(preview->postfix, "Postfix", plain, binding[MAP_PLAIN], facts, preview->bound_fails);
	mta_sentence(preview->sendmail, "Sendmail", sts, binding[MAP_STS], facts, sts_fails);
	preview->has_level = binding[MAP_PLAIN] == BINDING_VERIFY;
	if (preview->has_level)
		preview->level = verdict_default(facts);
}

void preview_free(struct preview *preview)
{
	for (int i = 0; i < MAP_DIALECTS; i++) {
		free(preview->map[i]);
		preview->map[i] = NULL;
	}
}

bool preview_holds(const struct preview *preview)
{
	return preview->bound_fails || begins(preview->map[MAP_PLAIN], "TEMP ");
}

/* What the mail hosts are worth under default_level = verify. */
static json_t *level_json(const struct verdict *level)
{
	json_t *object = json_made(json_object());
	json_put(object, "verdict", json_text(verdict_name(level->kind)));
	json_put(object, "reason", json_text(reason_name(level->reason)));
	json_put(object, "sentence", json_text(reason_sentence(level->reason)));
	json_put(object, "hop", json_text(level->hop));
	return object;
}

void preview_put(json_t *object, const struct preview *preview)
{
	json_t *milter = json_made(json_object()), *maps = json_made(json_object()), *mta = json_made(json_object());
	json_put(milter, "action", json_text(action_name(&preview->decision)));
	json_put(milter, "would", json_text(action_would_name(&preview->decision)));
	json_put(milter, "reply", json_text(preview->reply));
	json_put(milter, "header", json_text(preview->header));
	for (int i = 0; i < MAP_DIALECTS; i++)
		json_put(maps, map_dialect_name((enum map_dialect)i), json_text(preview->map[i]));
	json_put(mta, "milter", json_text(preview_milter(preview)));
	json_put(mta, "postfix", json_text(preview->postfix));
	json_put(mta, "sendmail", json_text(preview->sendmail));
	json_put(object, "milter", milter);
	json_put(object, "delegation", json_text(preview->delegation));
	json_put(object, "map", json_text(preview->map[MAP_PLAIN]));
	json_put(object, "maps", maps);
	json_put(object, "map_holds", json_boolean(preview_holds(preview)));
	json_put(object, "default_level", preview->has_level ? level_json(&preview->level) : NULL);
	json_put(object, "mta", mta);
}
