#include "map_reply.h"

#include "policy_strings.h"

#include <string.h>

/* The weight of `secure match= servername=hostname`, as map_sts_weight() counts it. */
#define STS_FRAME_WEIGHT 48

static void add_string(void *out, struct span line)
{
	text_add(out, " { policy_string = ");
	text_add_bytes(out, line.at, line.len);
	text_add(out, " }");
}

static void add_tlsrpt(struct text *out, const struct map_source *source)
{
	const struct policy *policy = source->policy;
	text_add(out, " policy_type=sts policy_domain=");
	text_add(out, source->verdict->domain);
	policy_strings(policy, add_string, out);
	for (const char *mx = policy_pattern_next(policy, NULL); mx; mx = policy_pattern_next(policy, mx)) {
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
	const char *between = "OK secure match=";
	for (const char *mx = policy_pattern_next(source->policy, NULL); mx;
		mx = policy_pattern_next(source->policy, mx)) {
		const char *name = mx[0] == '*' ? mx + 1 : mx; /* match= has `.x` for `*.x` (spec X-4) */
		if (dialect == MAP_STS) {
			size_t more = 2 + map_sts_weight((struct span){name, strlen(name)});
			if (weight + more > MAP_STS_VALUE_MAX)
				continue;
			weight += more;
		}
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
	} else if (v->binding == BINDING_VERIFY && dialect != MAP_STS) {
		text_add(out, "OK verify match=hostname servername=hostname");
	} else if (binding_has_names(v->binding) && source->policy && names_next(&source->policy->mx, NULL)) {
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
