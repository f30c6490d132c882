#include "judge.h"

#include <string.h>

/* Octets of names that every map's answer can hold: a name weighs about twice its octets there, NUL and all, when each
 * of its labels is one letter. */
#define NAMES_SHORT 256

bool policy_is_long(const struct policy *policy)
{
	return policy->mx.len > NAMES_SHORT;
}

static void name_take(struct names *to, const struct names *from, const char *name)
{
	if (names_have(from, name) && !names_have(to, name))
		names_add(to, name, strlen(name));
}

static void patterns_of_host(struct names *to, const struct names *from, const char *host)
{
	char wildcard[DOMAIN_SIZE];
	name_take(to, from, host);
	if (mx_wildcard(wildcard, host))
		name_take(to, from, wildcard);
}

static void others_add(struct names *to, const struct names *from)
{
	struct names first;
	names_copy(&first, to);
	names_sort(&first);
	names_search(&first);
	for (const char *name = names_next(from, NULL); name; name = names_next(from, name))
		if (!names_have(&first, name))
			names_add(to, name, strlen(name));
	names_free(&first);
}

/* What the MX set says may be old or forged: it changes the order only, never which names there are. */
void policy_order(struct policy *policy, const struct facts *f)
{
	struct names names = {.count = 0};
	const struct mx_set *mx = &f->entry.mx;
	if (!f->question.no_dane || !policy_is_long(policy)) /* the other dialects take them all */
		return;
	patterns_of_host(&names, &policy->mx, f->question.host);
	for (const char *host = names_next(&mx->names, NULL); host && f->question.mx_lookup;
		host = names_next(&mx->names, host))
		patterns_of_host(&names, &policy->mx, host);
	others_add(&names, &policy->mx);
	names_free(&policy->mx);
	policy->mx = names;
}
