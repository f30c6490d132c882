#include "judge.h"

/* RFC 5321 5.1: a relay that is an MX itself uses only those of better preference than its own. One that the policy
 * does not name (RFC 8461 4.1) is an MX by forgery only: the MTA knows itself by its addresses, and those are forged
 * with it. */
static void hop_list_cut(struct hop_list *list, const struct names *own, const struct policy *policy)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (!names_cover(own, list->host[i]) || (policy && !policy_allows(policy, list->host[i])))
			continue;
		unsigned cut = i;
		while (i > 0 && list->preference[i - 1] == list->preference[i])
			i--;
		list->own = list->host[cut];
		list->count = i;
		return;
	}
}

void hop_list_fill(struct hop_list *list, const struct facts *f, const struct policy *policy)
{
	const struct mx_set *mx = &f->entry.mx;
	list->count = 0;
	list->own = "";
	if (!f->question.mx_lookup || mx->state == MX_IMPLICIT) {
		list->host[0] = f->question.host;
		list->preference[0] = 0;
		list->count = 1;
	}
	for (const char *name = list->count ? NULL : names_next(&mx->names, NULL); name && list->count < MX_SET_MAX;
		name = names_next(&mx->names, name)) {
		list->host[list->count] = name;
		list->preference[list->count] = mx->preference[list->count];
		list->count++;
	}
	if (f->question.mx_lookup)
		hop_list_cut(list, &f->rules->own_hosts, policy);
}
