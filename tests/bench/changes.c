/* changes: measures the changes per second that reach the disk, for several numbers of callers, and for several numbers
 * of submissions of three changes each. The ceiling for one caller is a plain file in the same directory with the two
 * syncs that a change costs.
 *
 *   changes DIRECTORY   an empty directory on the disk to be measured */
#include "lapse.h"
#include "store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORE_BYTES (64 * 1024 * 1024)
#define ROUND_NS INT64_C(1000000000)
#define CALLERS_MAX 64
#define DOMAINS_EACH 50

struct caller {
	struct store *store;
	unsigned number, of;
	int64_t until_ns;
	size_t failed;
	struct lapses lapses;
};

static atomic_uint turns;

static void text_learn(struct entry *entry, void *arg)
{
	const unsigned *turn = arg;
	char text[] = "version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\nmx: mx.bench.example\r\n";
	struct policy_found found = {.text = text, .text_len = sizeof(text) - 1};

	if (!policy_parse(&found.policy, text, found.text_len, NULL))
		abort();
	entry_learn_policy(entry, &found, "20260101000000Z", 1767225600 + *turn);
	entry->due_at = entry->policy_fetched_at + 3600;
	policy_free(&found.policy);
}

static void *changes_make(void *arg)
{
	struct caller *caller = arg;
	char domain[48];

	for (;;) {
		int64_t began_ns = lapse_now_ns();
		unsigned turn = atomic_fetch_add(&turns, 1); /* an unchanged value is not written */

		if (began_ns >= caller->until_ns)
			return NULL;
		snprintf(domain, sizeof(domain), "domain-%u.caller-%u.example", turn / caller->of % DOMAINS_EACH,
			caller->number);
		if (!store_change_entry(caller->store, domain, text_learn, &turn, NULL))
			caller->failed++;
		lapses_add(&caller->lapses, lapse_now_ns() - began_ns);
	}
}

/* Changes per second of one round; adds to `all`. */
static double callers_round(struct store *store, unsigned callers, struct lapses *all, size_t *failed)
{
	static struct caller caller[CALLERS_MAX];
	pthread_t thread[CALLERS_MAX];
	int64_t began_ns = lapse_now_ns();
	size_t before = all->count;

	for (unsigned i = 0; i < callers; i++) {
		caller[i] =
			(struct caller){.store = store, .number = i, .of = callers, .until_ns = began_ns + ROUND_NS};
		if (pthread_create(&thread[i], NULL, changes_make, &caller[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < callers; i++) {
		pthread_join(thread[i], NULL);
		for (size_t k = 0; k < caller[i].lapses.count; k++)
			lapses_add(all, caller[i].lapses.ns[k]);
		free(caller[i].lapses.ns);
		*failed += caller[i].failed;
	}
	return (double)(all->count - before) * 1e9 / (double)(lapse_now_ns() - began_ns);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

typedef double round_of(struct store *store, unsigned count, struct lapses *all, size_t *failed);

static bool rounds_measure(struct store *store, round_of *round, const char *what, unsigned count, double plain)
{
	struct lapses all = {0};
	double per_s[ROUNDS];
	size_t failed = 0;

	for (int i = 0; i < ROUNDS; i++)
		per_s[i] = round(store, count, &all, &failed);
	qsort(all.ns, all.count, sizeof(*all.ns), ascending);
	printf("  %4u %-11s  %8.0f changes/s (%5.2f)   p50 %7.2f ms   p99 %7.2f ms   worst %7.2f ms\n", count, what,
		lapse_median(per_s), per_s[ROUNDS / 2] / plain, all.ns[all.count / 2] / 1e6,
		all.ns[all.count * 99 / 100] / 1e6, all.ns[all.count - 1] / 1e6);
	free(all.ns);
	if (failed > 0)
		fprintf(stderr, "changes: %zu of them failed\n", failed);
	return failed == 0;
}

#define SUBMISSIONS_MAX 1024
#define SUBMITTED 3

struct submitter {
	struct store_submission submission; /* first member: `done` gets its address */
	struct store_batch_change change[SUBMITTED];
	char domain[SUBMITTED][48];
	struct store *store;
	unsigned turn, number;
	int64_t until_ns, began_ns;
	struct lapses *lapses; /* of all submissions */
	size_t *failed;
	atomic_uint *running;
};

static void changes_submit(struct submitter *self)
{
	self->began_ns = lapse_now_ns();
	if (self->began_ns >= self->until_ns) {
		atomic_fetch_sub(self->running, 1);
		return;
	}
	self->turn = atomic_fetch_add(&turns, 1);
	store_submit(self->store, &self->submission);
}

/* On the store's thread. */
static void changes_submitted(struct store_submission *submission)
{
	struct submitter *self = (struct submitter *)submission;
	for (int i = 0; i < SUBMITTED; i++) {
		*self->failed += !self->change[i].stored;
		lapses_add(self->lapses, lapse_now_ns() - self->began_ns);
	}
	changes_submit(self);
}

static double submissions_round(struct store *store, unsigned count, struct lapses *all, size_t *failed)
{
	static struct submitter submitter[SUBMISSIONS_MAX];
	atomic_uint running = count;
	int64_t began_ns = lapse_now_ns();
	size_t before = all->count;
	for (unsigned i = 0; i < count; i++) {
		struct submitter *self = &submitter[i];
		*self = (struct submitter){.store = store,
			.number = i,
			.until_ns = began_ns + ROUND_NS,
			.lapses = all,
			.failed = failed,
			.running = &running};
		for (int k = 0; k < SUBMITTED; k++) {
			snprintf(self->domain[k], sizeof self->domain[k], "domain-%d.submitter-%u.example", k, i);
			self->change[k] = (struct store_batch_change){
				.domain_or_host = self->domain[k], .entry = text_learn, .arg = &self->turn};
		}
		self->submission = (struct store_submission){
			.change = self->change, .count = SUBMITTED, .done = changes_submitted};
		changes_submit(self);
	}
	while (atomic_load(&running))
		usleep(100);
	return (double)(all->count - before) * 1e9 / (double)(lapse_now_ns() - began_ns);
}

/* Repeats two writes with a sync each. */
static double plain_measure(const char *directory)
{
	static const char page[4096];
	char path[4096];
	double per_s[ROUNDS];
	int fd;

	snprintf(path, sizeof(path), "%s/plain", directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t began_ns = lapse_now_ns(), lapsed_ns;
		unsigned count = 0;

		for (lapsed_ns = 0; lapsed_ns < ROUND_NS; lapsed_ns = lapse_now_ns() - began_ns, count++)
			for (off_t at = 0; at <= (off_t)sizeof(page); at += (off_t)sizeof(page))
				if (pwrite(fd, page, sizeof(page), at) != (ssize_t)sizeof(page) || fdatasync(fd) != 0)
					abort();
		per_s[i] = count * 1e9 / (double)lapsed_ns;
	}
	close(fd);
	unlink(path);
	return lapse_median(per_s);
}

int main(int argc, char **argv)
{
	static const unsigned callers[] = {1, 16, 64}, submissions[] = {1, 64, SUBMISSIONS_MAX};
	struct failure why;
	struct store *store;
	bool ok = true;
	double plain;

	if (argc != 2) {
		fprintf(stderr, "usage: changes DIRECTORY\n");
		return 64;
	}
	plain = plain_measure(argv[1]);
	printf("changes that reach the disk (times the plain pair of writes and syncs)\n");
	printf("  plain             %8.0f pairs/s\n", plain);
	store = store_open(argv[1], STORE_BYTES, STORE_OWNER, &why);
	if (store == NULL) {
		fprintf(stderr, "changes: %s\n", why.text);
		return 1;
	}
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++)
		ok = rounds_measure(store, callers_round, "callers", callers[i], plain) && ok;
	for (size_t i = 0; i < sizeof(submissions) / sizeof(submissions[0]); i++)
		ok = rounds_measure(store, submissions_round, "submissions", submissions[i], plain) && ok;
	store_close(&store);
	return ok ? 0 : 1;
}
