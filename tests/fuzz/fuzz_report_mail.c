/* Files with received TLS reports: mails, mboxes, JSON and gzip; then what several such files say together. */
#include "failures.h"
#include "fuzz.h"

static void complain(void *arg, const char *file, const char *what)
{
	(void)file;
	FUZZ_MUST(*what);
	++*(unsigned *)arg;
}

static void shares_check(const struct shares *shares)
{
	FUZZ_MUST(shares->count <= SHARES_MAX);
	for (size_t i = 0; i < shares->count; i++)
		FUZZ_MUST(*shares->of[i].name && shares->of[i].sessions > 0);
}

static void groups_check(const struct received_list *list)
{
	struct failure_groups groups;
	failures_merge(&groups, list);
	FUZZ_MUST(groups.failed <= groups.sessions && (groups.count > 0 || groups.failed == 0));
	for (size_t i = 0; i < groups.count; i++) {
		const struct failure_group *group = &groups.group[i];
		FUZZ_MUST(group->sessions > 0 && group->reporters.count > 0 && *failure_remedy(group));
		FUZZ_MUST(i == 0 || group->sessions <= groups.group[i - 1].sessions);
		shares_check(&group->reporters);
		shares_check(&group->reasons);
		shares_check(&group->addresses);
	}
	if (groups.count > 0)
		FUZZ_MUST(*failures_advice(&groups));
	failures_free(&groups);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned complaints = 0;
	struct received_list list = {.complain = complain, .arg = &complaints};
	struct span bytes = {(const char *)data, size};
	bool good = received_add(&list, "fuzz", bytes);
	FUZZ_MUST(good == (complaints == 0) && (list.count > 0 || complaints > 0));
	size_t count = list.count;
	received_add(&list, "fuzz", bytes); /* the same once more: a report with an id counts once */
	FUZZ_MUST(list.count == 2 * count);
	received_sort(&list);
	FUZZ_MUST(list.count + list.repeated == 2 * count);
	for (size_t i = 0; i < list.count; i++) {
		FUZZ_MUST(*received_reporter(list.row[i]));
		received_disagrees(list.row[i]);
	}
	groups_check(&list);
	received_free(&list);
	return 0;
}
