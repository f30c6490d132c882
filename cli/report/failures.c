#include "failures.h"

#include "domain.h"
#include "memory.h"

#include <stdlib.h>

#define SESSIONS_MAX ((UINT64_C(1) << 53) - 1) /* what any reader of JSON can read */
#define RARE 100                               /* if at most one in so many sessions failed, the advice is to wait */

/* One object of failure-details, or what a summary counts without one. */
struct item {
	char *host; /* owned; moves to the group */
	const char *domain, *type, *mode, *result, *reporter, *reason, *address;
	uint64_t sessions;
};

struct items {
	struct item *at;
	size_t count;
};

uint64_t sessions_sum(uint64_t a, uint64_t b)
{
	return a < SESSIONS_MAX - b ? a + b : SESSIONS_MAX;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* Returns a copy of a name, in the form of domain_parse() if it can have it. */
static char *name_copy(const char *name)
{
	struct domain domain;
	return xstrdup(domain_parse(&domain, name, strlen(name)) ? domain.name : name);
}

const char *policy_mode_of(const struct read_policy *policy)
{
	static const char *const modes[] = {"enforce", "testing", "none"};
	for (const char *line = NULL; (line = names_next(&policy->strings, line));) {
		if (strncmp(line, "mode:", strlen("mode:")) != 0)
			continue;
		struct span value = span_trim((struct span){line + 5, strlen(line) - 5}, " \t");
		for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
			if (span_is(value, modes[i]))
				return modes[i];
	}
	return "";
}

const char *policy_type_word(const char *type)
{
	static const char *const words[][2] = {{"sts", "MTA-STS"}, {"tlsa", "DANE"}, {"no-policy-found", "no policy"}};
	for (size_t i = 0; type && i < sizeof words / sizeof *words; i++)
		if (strcmp(type, words[i][0]) == 0)
			return words[i][1];
	return NULL;
}

/* --- the failures one by one -------------------------------------------------------------------------------------- */

/* Adds an item. `of` has what all failures of a policy share. */
static void item_add(struct items *items, const struct item *of, const struct read_failure *failure, uint64_t sessions)
{
	const char *host = failure->mx_name ? failure->mx_name : failure->mx_helo;
	if (sessions == 0)
		return;
	if ((items->count & (items->count - 1)) == 0) /* the room is the next power of two */
		items->at = xrealloc(items->at, (items->count ? 2 * items->count : 1) * sizeof *items->at);
	struct item *item = &items->at[items->count++];
	*item = *of;
	item->host = name_copy(or_empty(host ? host : failure->mx_address));
	item->result = or_empty(failure->result);
	item->reason = failure->reason;
	item->address = failure->mx_address;
	item->sessions = sessions;
}

/* Adds the failures of a policy, and the failed sessions that the report counts without one. */
static void policy_add(
	struct items *items, const char *domain, const struct received *received, const struct read_policy *policy)
{
	static const struct read_failure unexplained = {.result = NULL};
	const struct item of = {.domain = domain,
		.type = or_empty(policy->type),
		.mode = policy_mode_of(policy),
		.reporter = received_reporter(received)};
	uint64_t explained = 0;
	for (size_t i = 0; i < policy->count; i++) {
		item_add(items, &of, &policy->failure[i], policy->failure[i].sessions);
		explained = sessions_sum(explained, policy->failure[i].sessions);
	}
	if (policy->failures > explained)
		item_add(items, &of, &unexplained, policy->failures - explained);
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

/* For qsort(): failures of one group side by side. */
static int by_kind(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	const char *const pairs[][2] = {{a->domain, b->domain}, {a->type, b->type}, {a->mode, b->mode},
		{a->result, b->result}, {a->host, b->host}};
	int order = 0;
	for (size_t i = 0; order == 0 && i < sizeof pairs / sizeof *pairs; i++)
		order = pairs[i][0] == pairs[i][1] ? 0 : strcmp(pairs[i][0], pairs[i][1]);
	return order;
}

/* For qsort(): the most sessions first. */
static int by_sessions(const void *left, const void *right)
{
	const struct failure_group *a = left, *b = right;
	if (a->sessions != b->sessions)
		return a->sessions > b->sessions ? -1 : 1;
	const char *const pairs[][2] = {{a->domain, b->domain}, {a->host, b->host}, {a->result, b->result},
		{a->type, b->type}, {a->mode, b->mode}};
	int order = 0;
	for (size_t i = 0; order == 0 && i < sizeof pairs / sizeof *pairs; i++)
		order = strcmp(pairs[i][0], pairs[i][1]);
	return order;
}

static void share_add(struct shares *shares, const char *name, uint64_t sessions)
{
	size_t i = 0;
	if (!name)
		return;
	while (i < shares->count && shares->of[i].name != name && strcmp(shares->of[i].name, name) != 0)
		i++;
	if (i == SHARES_MAX) {
		shares->others = sessions_sum(shares->others, sessions);
		return;
	}
	if (i == shares->count)
		shares->of[shares->count++] = (struct share){.name = name};
	shares->of[i].sessions = sessions_sum(shares->of[i].sessions, sessions);
}

/* For qsort(): the most sessions first. */
static int by_share(const void *left, const void *right)
{
	const struct share *a = left, *b = right;
	if (a->sessions != b->sessions)
		return a->sessions > b->sessions ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void group_add(struct failure_group *group, const struct item *item)
{
	group->sessions = sessions_sum(group->sessions, item->sessions);
	share_add(&group->reporters, item->reporter, item->sessions);
	share_add(&group->reasons, item->reason, item->sessions);
	share_add(&group->addresses, item->address, item->sessions);
}

static void group_sort(struct failure_group *group)
{
	qsort(group->reporters.of, group->reporters.count, sizeof *group->reporters.of, by_share);
	qsort(group->reasons.of, group->reasons.count, sizeof *group->reasons.of, by_share);
	qsort(group->addresses.of, group->addresses.count, sizeof *group->addresses.of, by_share);
}

/* Makes groups of sorted items, and takes their hosts over. */
static void groups_make(struct failure_groups *groups, struct items *items)
{
	struct failure_group *group = NULL;
	groups->group = xcalloc(items->count + 1, sizeof *groups->group);
	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->at[i];
		if (group && by_kind(item, &items->at[i - 1]) == 0) {
			group_add(group, item);
			continue;
		}
		group = &groups->group[groups->count++];
		*group = (struct failure_group){.domain = item->domain,
			.type = item->type,
			.mode = item->mode,
			.result = item->result,
			.kind = tlsrpt_result_by_name((struct span){item->result, strlen(item->result)}),
			.host = item->host};
		group_add(group, item);
	}
}

/* Frees the hosts that no group has taken over: a group has that of its first item. */
static void items_free(struct items *items)
{
	for (size_t i = items->count; i > 1; i--)
		if (by_kind(&items->at[i - 1], &items->at[i - 2]) == 0)
			free(items->at[i - 1].host);
	free(items->at);
}

/* Returns the domain of a policy, which belongs to the groups: all failures of the policy share it. */
static const char *domain_keep(struct failure_groups *groups, const char *domain)
{
	if ((groups->domains & (groups->domains - 1)) == 0) /* the room is the next power of two */
		groups->domain =
			xrealloc(groups->domain, (groups->domains ? 2 * groups->domains : 1) * sizeof *groups->domain);
	return groups->domain[groups->domains++] = name_copy(domain);
}

static void report_add(struct failure_groups *groups, struct items *items, const struct received *received)
{
	for (size_t i = 0; i < received->report.count; i++) {
		const struct read_policy *policy = &received->report.policy[i];
		policy_add(items, domain_keep(groups, received_domain(received, policy)), received, policy);
		groups->failed = sessions_sum(groups->failed, policy->failures);
		groups->sessions = sessions_sum(groups->sessions, sessions_sum(policy->successes, policy->failures));
	}
}

void failures_merge(struct failure_groups *groups, const struct received_list *list)
{
	struct items items = {.count = 0};
	*groups = (struct failure_groups){.count = 0};
	for (size_t i = 0; i < list->count; i++)
		report_add(groups, &items, list->row[i]);
	if (items.count > 0)
		qsort(items.at, items.count, sizeof *items.at, by_kind);
	groups_make(groups, &items);
	items_free(&items);
	for (size_t i = 0; i < groups->count; i++)
		group_sort(&groups->group[i]);
	if (groups->count > 0)
		qsort(groups->group, groups->count, sizeof *groups->group, by_sessions);
}

void failures_free(struct failure_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		free(groups->group[i].host);
	for (size_t i = 0; i < groups->domains; i++)
		free(groups->domain[i]);
	free(groups->group);
	free(groups->domain);
	*groups = (struct failure_groups){.count = 0};
}

/* --- advice ------------------------------------------------------------------------------------------------------- */

const char *failure_remedy(const struct failure_group *group)
{
	if (group->kind != TLSRPT_RESULTS)
		return tlsrpt_result_remedy(group->kind);
	return "Ask the reporter what happened.";
}

/* Returns whether the sender holds mail back when a session fails. */
static bool group_holds(const struct failure_group *group)
{
	return strcmp(group->mode, "enforce") == 0 || strcmp(group->type, "tlsa") == 0;
}

const char *failures_advice(const struct failure_groups *groups)
{
	bool holds = false, tests = false;
	for (size_t i = 0; i < groups->count; i++) {
		holds = holds || group_holds(&groups->group[i]);
		tests = tests || strcmp(groups->group[i].mode, "testing") == 0;
	}
	if (groups->failed == 0)
		return "No session failed, because senders used what they had stored: correct the failures before that expires.";
	if (groups->failed <= groups->sessions / RARE)
		return "At most one session in a hundred failed, perhaps because of the network: see whether the next reports say the same.";
	if (holds)
		return "Senders hold mail to you back while this lasts: correct the failures in this order.";
	if (tests)
		return "Mail came in, because the policy is in mode testing: correct the failures before you change it to enforce.";
	return "Mail may have come in without protection: correct the failures in this order.";
}
