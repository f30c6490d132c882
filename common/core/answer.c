#include "answer.h"

#include <string.h>

/* RFC 5321 4.5.3.1.5: a reply line has at most 512 octets. If the two names together have no more octets than this, the
 * code, the longest sentence and the rest fit into the line. */
#define REPLY_NAMES_MAX 340

/* The caller puts the enhanced code 4.7.5 (RFC 3463) before the text. */
void answer_reply(struct text *out, const struct verdict *v)
{
	if (v->domain[0]) {
		text_add(out, "<");
		text_add(out, v->domain);
		text_add(out, "> ");
	}
	text_add(out, "MTA-STS");
	if (v->has_policy) {
		text_add(out, " policy (");
		text_add(out, policy_mode_name(v->mode));
		text_add(out, ")");
	}
	text_add(out, ": ");
	if (reason_class(v->reason) != REASON_GENERAL) {
		bool fits = strlen(v->domain) + strlen(v->hop) <= REPLY_NAMES_MAX;
		text_add(out, v->hop[0] && fits ? v->hop : "its mail host");
		text_add(out, " ");
	}
	text_add(out, reason_sentence(v->reason));
	text_add(out, " [");
	text_add(out, reason_name(v->reason));
	text_add(out, "]; will be retried");
}

void answer_requiretls(struct text *out, const struct verdict *v)
{
	text_add(out, "<");
	text_add(out, v->domain);
	text_add(out,
		"> REQUIRETLS cannot be met: the domain has neither an enforce policy (MTA-STS) nor usable TLSA records "
		"(DANE)");
}

static const char *policy_word(const struct verdict *v)
{
	return v->has_policy ? policy_mode_name(v->mode) : "none";
}

static const char *override_word(const struct verdict *v)
{
	return v->override == OVERRIDE_NONE ? "" : override_kind_name(v->override);
}

static const char *requiretls_word(const struct verdict *v)
{
	return v->requiretls == TLS_DEMAND_NONE ? "" : tls_demand_name(v->requiretls);
}

/* Adds `name=value`, and `between` before it unless the text is empty. An empty value is left out. Values are host names,
 * words of tables and record ids, which need no quoting. */
static void add_pair(struct text *out, const char *between, const char *name, const char *value)
{
	if (!value[0])
		return;
	if (out->len > 0)
		text_add(out, between);
	text_add(out, name);
	text_add(out, "=");
	text_add(out, value);
}

void answer_header(struct text *out, const struct verdict *v, bool with_domains)
{
	const char *between = "; ";
	if (with_domains)
		add_pair(out, between, "domain", v->domain);
	add_pair(out, between, "policy", policy_word(v));
	add_pair(out, between, "verdict", verdict_name(v->kind));
	add_pair(out, between, "reason", reason_name(v->reason));
	if (with_domains)
		add_pair(out, between, "mx", v->hop);
	add_pair(out, between, "override", override_word(v));
	add_pair(out, between, "requiretls", requiretls_word(v));
}

void answer_log(struct text *out, const struct verdict *v)
{
	const char *between = " ";
	add_pair(out, between, "domain", v->domain);
	add_pair(out, between, "policy", policy_word(v));
	add_pair(out, between, "id", v->policy_id);
	/* The map binds the delivery to a policy or to DANE. It has judged no hop. */
	add_pair(out, between, "verdict", v->binding != BINDING_NONE ? "bound" : verdict_name(v->kind));
	add_pair(out, between, "reason", reason_name(v->reason));
	add_pair(out, between, "mx", v->hop);
	if (verdict_unchecked(v))
		add_pair(out, between, "unchecked", "yes");
	add_pair(out, between, "override", override_word(v));
	add_pair(out, between, "requiretls", requiretls_word(v));
}
