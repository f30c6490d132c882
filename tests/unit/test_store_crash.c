/* kill -9 at random moments. An owner and a guest change the same entries and hops from several threads and by
 * submissions, and report each change that is acknowledged. They are killed; then the store is opened and checked.
 *
 *   test_store_crash [-n ROUNDS] [-s SEED]   the default is 25 rounds */
#include "cm.h"

#include "room.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STORE_BYTES (16 * ROOM_BYTES)
#define ENTRIES 40
#define SLOTS 50 /* the entries come first, then the hops */
#define THREADS 4
#define SUBMISSIONS 6 /* in flight */
#define SUBMITTED 3   /* changes of each record */
#define DELAY_MAX_US 60000
#define GOES_ON_MS 20000 /* how long a process waits for a lock whose holder has died */
#define DUE_BASE 1000000
#define TEXT_MAX POLICY_TEXT_KEPT /* the longer ones take pages of their own */

static int rounds = 25;
static unsigned seed;

/* A change that has been acknowledged. */
struct acknowledged {
	int slot;
	int64_t version;
};

struct worker {
	struct store *store;
	int fd;
	unsigned dice;
};

static const char *slot_name(int slot)
{
	static _Thread_local char name[32];

	snprintf(name, sizeof(name), "slot%d.example", slot);
	return name;
}

static size_t text_make(char *text, int slot, int64_t version)
{
	size_t len = (size_t)(slot * 977 + version * 613) % TEXT_MAX + 1;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + (slot + version + (int64_t)i) % 26);
	return len;
}

static void entry_next(struct entry *entry, void *arg)
{
	struct acknowledged *change = arg;
	struct policy_found found = {.policy = {.mode = POLICY_ENFORCE, .max_age_s = ROOM_DAY}};
	char text[TEXT_MAX];

	change->version = entry->due_at > DUE_BASE ? entry->due_at - DUE_BASE + 1 : 1;
	names_add(&found.policy.mx, "mx.example", 10);
	found.text = text;
	found.text_len = (uint32_t)text_make(text, change->slot, change->version);
	entry_learn_policy(entry, &found, "a1", 1 + change->version);
	entry->due_at = DUE_BASE + change->version;
	policy_free(&found.policy);
}

static void hop_next(struct hop_record *record, void *arg)
{
	struct acknowledged *change = arg;
	struct evidence seen = {.at = record->pkix.newest.at + 1};

	change->version = seen.at;
	snprintf(seen.names, sizeof(seen.names), "v%lld", (long long)seen.at);
	hop_record_learn(record, &seen);
}

static void *changes_make(void *arg)
{
	struct worker *worker = arg;
	struct failure why;

	for (;;) {
		struct acknowledged change = {.slot = rand_r(&worker->dice) % SLOTS};
		bool ok =
			change.slot < ENTRIES
				? store_change_entry(worker->store, slot_name(change.slot), entry_next, &change, &why)
				: store_change_hop(worker->store, slot_name(change.slot), 25, hop_next, &change, &why);

		if (!ok)
			fprintf(stderr, "slot %d: %s\n", change.slot, why.text);
		if (!ok || write(worker->fd, &change, sizeof(change)) != sizeof(change))
			return NULL;
	}
}

struct submitter {
	struct store_submission submission;
	struct store_batch_change change[SUBMITTED];
	struct acknowledged made[SUBMITTED];
	char name[SUBMITTED][32];
	struct worker worker;
};

static void changes_submit(struct submitter *self)
{
	for (int i = 0; i < SUBMITTED; i++) {
		int slot = rand_r(&self->worker.dice) % SLOTS;
		self->made[i] = (struct acknowledged){.slot = slot};
		snprintf(self->name[i], sizeof self->name[i], "%s", slot_name(slot));
		self->change[i] = (struct store_batch_change){.domain_or_host = self->name[i],
			.port = slot < ENTRIES ? 0 : 25,
			.entry = entry_next,
			.hop = hop_next,
			.arg = &self->made[i]};
	}
	store_submit(self->worker.store, &self->submission);
}

static void changes_submitted(struct store_submission *submission)
{
	struct submitter *self = (struct submitter *)submission;
	bool ok = true;
	for (int i = 0; i < SUBMITTED; i++)
		if (!self->change[i].stored)
			fprintf(stderr, "slot %d: %s\n", self->made[i].slot, self->change[i].why.text);
		else
			ok = write(self->worker.fd, &self->made[i], sizeof self->made[i]) == sizeof self->made[i] && ok;
	if (ok)
		changes_submit(self);
}

static void submitters_start(const struct worker *worker)
{
	static struct submitter submitter[SUBMISSIONS];
	for (unsigned i = 0; i < SUBMISSIONS; i++) {
		struct submitter *self = &submitter[i];
		self->worker = *worker;
		self->worker.dice += 7919 * (i + 1);
		self->submission.change = self->change;
		self->submission.count = SUBMITTED;
		self->submission.done = changes_submitted;
		changes_submit(self);
	}
}

static void store_work(int fd, enum store_access access)
{
	static struct worker worker[THREADS];
	pthread_t thread[THREADS];
	struct failure why;
	struct store *store = store_open(room, STORE_BYTES, access, &why);

	if (store == NULL) {
		fprintf(stderr, "%s\n", why.text);
		return;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		worker[i] = (struct worker){.store = store, .fd = fd, .dice = seed + 100 * i + (access == STORE_OWNER)};
		if (pthread_create(&thread[i], NULL, changes_make, &worker[i]) != 0)
			_exit(1);
	}
	submitters_start(&worker[0]);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void owner_work(int fd)
{
	store_work(fd, STORE_OWNER);
}

static void guest_work(int fd)
{
	store_work(fd, STORE_GUEST);
}

/* One of the two processes, as the parent sees it. */
struct process {
	pid_t pid;
	int fd;
};

static int64_t newest[SLOTS]; /* acknowledged versions */

static bool ack_read(const struct process *process)
{
	struct acknowledged change;
	ssize_t len = read(process->fd, &change, sizeof(change));

	if (len != sizeof(change))
		return false;
	assert_in_range(change.slot, 0, SLOTS - 1);
	if (change.version > newest[change.slot])
		newest[change.slot] = change.version;
	return true;
}

/* Waits for a limited time: a process that hangs fails the test. */
static void acks_await(const struct process *process, int count)
{
	struct pollfd ready = {.fd = process->fd, .events = POLLIN};

	for (int i = 0; i < count; i++) {
		assert_int_equal(poll(&ready, 1, GOES_ON_MS), 1);
		assert_true(ack_read(process));
	}
}

static void process_end(struct process *process)
{
	room_kill(process->pid);
	while (ack_read(process))
		continue;
	close(process->fd);
}

static void pause_randomly(void)
{
	usleep((useconds_t)(rand_r(&seed) % DELAY_MAX_US));
}

static void both_killed(int round)
{
	struct process owner, guest;

	owner.pid = room_spawn(owner_work, &owner.fd);
	if (round % 4 == 0) { /* the owner alone is killed, also while it opens the store */
		pause_randomly();
		process_end(&owner);
		return;
	}
	acks_await(&owner, 1);
	guest.pid = room_spawn(guest_work, &guest.fd);
	if (round % 4 == 1)
		acks_await(&guest, 1);
	pause_randomly();
	if (round % 4 == 2) { /* the owner lives longer than its guest */
		process_end(&guest);
		while (poll(&(struct pollfd){.fd = owner.fd, .events = POLLIN}, 1, 0) == 1)
			acks_await(&owner, 1);
		acks_await(&owner, 10);
		process_end(&owner);
		return;
	}
	process_end(&owner);
	if (round % 4 == 1) { /* the guest lives longer than its owner */
		acks_await(&guest, 10);
		pause_randomly();
	}
	process_end(&guest);
}

static bool entry_is_whole(const struct entry *entry, int slot)
{
	char text[TEXT_MAX];
	size_t len = text_make(text, slot, entry->due_at - DUE_BASE);

	return entry->has_policy && entry->policy_text_len == len && memcmp(entry->policy_text, text, len) == 0;
}

static void slot_check(struct store_view *view, int slot, int round)
{
	struct entry entry;
	struct hop_record record;
	enum store_found found;
	int64_t version = 0;

	if (slot < ENTRIES) {
		found = store_view_entry(view, slot_name(slot), &entry);
		if (found == STORE_FOUND && !entry_is_whole(&entry, slot))
			fail_msg("round %d: %s is torn", round, slot_name(slot));
		version = entry.due_at - DUE_BASE;
		entry_free(&entry);
	} else {
		found = store_view_hop(view, slot_name(slot), 25, &record);
		version = record.pkix.newest.at;
	}
	if (newest[slot] > 0 && (found != STORE_FOUND || version < newest[slot]))
		fail_msg("round %d: %s: version %lld was acknowledged, %lld is there", round, slot_name(slot),
			(long long)newest[slot], found == STORE_FOUND ? (long long)version : -1);
	if (found == STORE_FOUND)
		newest[slot] = version; /* a change that was read once must stay, acknowledged or not */
}

/* The index of due times has each entry once, and nothing else. */
static void due_check(struct store *store)
{
	struct names due;
	size_t entries = 0;

	for (int slot = 0; slot < ENTRIES; slot++)
		entries += newest[slot] > 0;
	assert_true(store_due(store, INT64_MAX, 2 * SLOTS, &due, NULL));
	assert_int_equal(due.count, entries);
	names_free(&due);
	store_close(&store);
	if (entries > 0)
		assert_int_equal(room_records("due"), entries);
}

static bool marker_is_empty(void)
{
	struct stat marker;

	return stat(room_file("policies.dirty"), &marker) != 0 || marker.st_size == 0;
}

static bool percent_ignore(unsigned percent)
{
	(void)percent;
	return true;
}

/* Every other round the store is opened like a daemon does it: it is used at once, unless its owner was killed while it
 * opened it. */
static struct store *opened(int round, int *at_once)
{
	struct failure why = {0};

	if (round / 4 % 2 == 0)
		return room_open(STORE_BYTES, STORE_OWNER);
	*at_once += !marker_is_empty();
	struct store *store = store_open_watched(room, STORE_BYTES, percent_ignore, &why);
	if (!store)
		fail_msg("round %d: %s", round, why.text);
	return store;
}

/* The check that runs beside the store finds no damage. */
static void check_end(struct store *store)
{
	int64_t limit = time(NULL) + 60;

	while (marker_is_empty() && time(NULL) < limit) {
		store_check_continue(store);
		usleep(1000);
	}
	assert_false(marker_is_empty());
	assert_false(store_is_broken(store, NULL));
}

static void killed_at_any_instant_nothing_is_lost(void **state)
{
	int64_t changes = 0;
	int at_once = 0;

	(void)state;
	for (int round = 0; round < rounds; round++) {
		struct store *store;
		struct store_view *view;

		both_killed(round);
		store = opened(round, &at_once);
		view = store_view_begin(store, NULL);
		assert_non_null(view);
		for (int slot = 0; slot < SLOTS; slot++)
			slot_check(view, slot, round);
		store_view_end(&view);
		check_end(store);
		due_check(store);
	}
	for (int slot = 0; slot < SLOTS; slot++)
		changes += newest[slot];
	assert_true(changes > rounds);
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
	assert_true(at_once > 0);
	print_message("%d rounds, %lld changes, used at once %d times\n", rounds, (long long)changes, at_once);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_at_any_instant_nothing_is_lost, room_make, room_remove),
	};
	int option;

	seed = (unsigned)time(NULL);
	while ((option = getopt(argc, argv, "n:s:")) != -1)
		if (option == 'n')
			rounds = (int)strtol(optarg, NULL, 10);
		else if (option == 's')
			seed = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 64;
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
