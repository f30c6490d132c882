#include "map_reply.h"

#include "ascii.h"

#include <string.h>

/* The weight of `secure match= servername=hostname`, as map_sts_weight() counts it. */
#define STS_FRAME_WEIGHT 48

static const char *next_pattern(const struct policy *policy, const char *previous)
{
	const char *mx = names_next(&policy->mx, previous);
	while (mx && map_word_is_magic((struct span){mx, strlen(mx)}))
		mx = names_next(&policy->mx, mx);
	return mx;
}

/* RFC 8460 4.4, policy-string: the policy's lines as published, without those that would break the reply. */
static bool add_received_lines(struct text *out, struct span rest)
{
	bool any = false;
	while (rest.len) {
		const char *end = memchr(rest.at, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.at) : rest.len;
		struct span line = span_trim((struct span){rest.at, len}, " \t\r");
		if (map_policy_line_valid(line)) {
			text_add(out, " { policy_string = ");
			text_add_bytes(out, line.at, line.len);
			text_add(out, " }");
			any = true;
		}
		rest = end ? (struct span){end + 1, rest.len - len - 1} : (struct span){rest.at + len, 0};
	}
	return any;
}

static void add_field(struct text *out, const char *name, const char *value)
{
	text_add(out, " { policy_string = ");
	text_add(out, name);
	text_add(out, ": ");
	text_add(out, value);
	text_add(out, " }");
}

static void add_tlsrpt(struct text *out, const struct map_source *source)
{
	text_add(out, " policy_type=sts policy_domain=");
	text_add(out, source->verdict->domain);
	if (!add_received_lines(out, (struct span){source->policy->text, source->policy->text_len})) {
		/* The store has no text of this policy because the text was too long, or no line of it can be sent. */
		const struct policy *policy = source->policy;
		add_field(out, "version", "STSv1");
		add_field(out, "mode", policy_mode_name(policy->mode));
		for (const char *mx = names_next(&policy->mx, NULL); mx; mx = names_next(&policy->mx, mx))
			add_field(out, "mx", mx);
		text_add(out, " { policy_string = max_age: ");
		text_add_number(out, policy->max_age_s);
		text_add(out, " }");
	}
	for (const char *mx = next_pattern(source->policy, NULL); mx; mx = next_pattern(source->policy, mx)) {
		text_add(out, " mx_host_pattern=");
		text_add(out, mx);
	}
}

static void cut_back(struct text *out, size_t len)
{
	out->len = len;
	out->bytes[len] = '\0';
	out->cut = false;
}

static void add_secure(struct text *out, enum map_dialect dialect, const struct map_source *source)
{
	size_t start = out->len, weight = STS_FRAME_WEIGHT;
	size_t weight_max = dialect == MAP_STS ? MAP_STS_VALUE_MAX : SIZE_MAX;
	const char *between = "OK secure match=";
	for (const char *mx = next_pattern(source->policy, NULL); mx; mx = next_pattern(source->policy, mx)) {
		const char *name = mx[0] == '*' ? mx + 1 : mx; /* match= has `.x` for `*.x` (spec X-4) */
		size_t more = 2 + map_sts_weight((struct span){name, strlen(name)});
		if (weight + more > weight_max)
			continue;
		weight += more;
		text_add(out, between);
		text_add(out, name);
		between = ":";
	}
	text_add(out, " servername=hostname");
	size_t plain = out->len;
	if (dialect != MAP_TLSRPT || out->cut)
		return;
	add_tlsrpt(out, source);
	if (out->cut || out->len - start > MAP_REPLY_MAX)
		cut_back(out, plain);
}

static void add_temp(struct text *out, enum reason reason)
{
	text_add(out, "TEMP ");
	text_add(out, reason_name(reason));
}

bool map_reply(struct text *out, enum map_dialect dialect, const struct map_source *source)
{
	const struct verdict *v = source->verdict;
	size_t start = out->len;
	bool released = v->reason == REASON_OVERRIDE; /* rule 1: the MTA's own default applies */
	if (source->monitor || released || (v->kind != VERDICT_PASS && v->kind != VERDICT_DEFER)) {
		text_add(out, "NOTFOUND ");
	} else if (v->kind == VERDICT_DEFER) {
		add_temp(out, v->reason);
	} else if (v->binding == BINDING_DANE || v->binding == BINDING_DANE_ONLY) {
		/* No names and no TLSRPT attributes follow these levels (spec D-68, D-69): Postfix finds them in DNS. */
		text_add(out, "OK ");
		text_add(out, binding_name(v->binding));
	} else if (v->binding == BINDING_SECURE && source->policy && names_next(&source->policy->mx, NULL)) {
		add_secure(out, dialect, source);
	} else {
		add_temp(out, REASON_INTERNAL);
	}
	if (!out->cut && map_reply_valid(dialect, (struct span){out->bytes + start, out->len - start}))
		return true;
	cut_back(out, start);
	add_temp(out, REASON_INTERNAL);
	return false;
}
