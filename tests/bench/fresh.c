/* fresh DIRECTORY PLAIN-FILE COUNT: measures a verdict from the store and a plain read of the same records. The directory
 * has a store of COUNT domains that fill made; the file is a copy of the store's file. */
#include "lapse.h"
#include "plain.h"
#include "stock.h"

#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define ROUND_MS 60
#define THREADS_MAX 4
#define SUBJECTS_MAX 5000 /* domains of one row, in random order */
#define SUBJECTS_HOT 40   /* of the table with few domains; the same number in every store */
#define COUNT_MIN 100
#define COUNT_MAX 1000000

static struct {
	struct store *store;
	struct check *check;
	struct loops *loops;
	struct plain plain;
	atomic_bool over, written;
} bench;

/* One row: the question, and the records that it needs. */
struct row {
	const char *name;
	enum purpose purpose;
	unsigned domain_hops; /* of the domains in the questions */
	unsigned read_hops;   /* hop records that the verdict needs */
	enum verdict_kind expected;
	struct stock *subject;
	unsigned subjects;
};
static struct row rows[] = {
	{.name = "deliver, 1 hop",
		.purpose = PURPOSE_DELIVER,
		.domain_hops = 1,
		.read_hops = 1,
		.expected = VERDICT_PASS},
	{.name = "deliver, 2 hops",
		.purpose = PURPOSE_DELIVER,
		.domain_hops = 2,
		.read_hops = 2,
		.expected = VERDICT_PASS},
	{.name = "deliver, no policy", .purpose = PURPOSE_DELIVER, .expected = VERDICT_NONE},
	{.name = "map, 1 hop", .purpose = PURPOSE_MAP, .domain_hops = 1, .expected = VERDICT_PASS},
};
#define ROWS (sizeof rows / sizeof rows[0])

/* Ways to read. Each returns false if the answer is not the expected one. */
struct reader {
	MDB_txn *txn;
	struct question question;
};
typedef bool reading(struct reader *reader, const struct row *row, const struct stock *subject);

static bool way_plain(struct reader *reader, const struct row *row, const struct stock *subject)
{
	return plain_read(&bench.plain, reader->txn, subject, row->read_hops);
}

static bool way_view(struct reader *reader, const struct row *row, const struct stock *subject)
{
	struct entry entry;
	struct hop_record hop;
	struct store_view *view = store_view_begin(bench.store, NULL);
	bool found = view != NULL && store_view_entry(view, subject->domain, &entry) == STORE_FOUND;
	(void)reader;
	if (!found)
		return false;
	for (unsigned i = 0; found && i < row->read_hops; i++)
		found = store_view_hop(view, subject->host[i], QUESTION_PORT, &hop) == STORE_FOUND;
	store_view_end(&view);
	entry_free(&entry);
	return found;
}

static bool way_check(struct reader *reader, const struct row *row, const struct stock *subject)
{
	struct outcome outcome;
	struct question *question = &reader->question;
	memcpy(question->domain, subject->domain, sizeof subject->domain);
	memcpy(question->host, subject->domain, sizeof subject->domain);
	bool final = check_ask(bench.check, question, NULL, NULL, NULL, &outcome);
	bool right = final && outcome.verdict.kind == row->expected;
	outcome_free(&outcome);
	return right;
}

static reading *const ways[] = {way_plain, way_view, way_check};
#define WAYS (sizeof ways / sizeof ways[0])

/* One thread of one measurement. */
struct runner {
	pthread_t thread;
	const struct row *row;
	reading *way;
	unsigned from;
	uint64_t calls;
	int64_t cpu_ns;
};

static void *run(void *arg)
{
	struct runner *runner = arg;
	const struct row *row = runner->row;
	struct reader reader = {.txn = plain_reader_new(&bench.plain)};
	reader.question = (struct question){
		.purpose = row->purpose, .has_domain = true, .mx_lookup = true, .port = QUESTION_PORT};
	unsigned at = runner->from;
	int64_t begun_ns = lapse_thread_ns();
	while (!atomic_load_explicit(&bench.over, memory_order_relaxed)) {
		if (!runner->way(&reader, row, &row->subject[at])) {
			fprintf(stderr, "fresh: %s: a wrong answer for %s\n", row->name, row->subject[at].domain);
			exit(EX_SOFTWARE);
		}
		runner->calls++;
		at = at + 1 < row->subjects ? at + 1 : 0;
	}
	runner->cpu_ns = lapse_thread_ns() - begun_ns;
	plain_reader_free(&reader.txn);
	return NULL;
}

/* CPU nanoseconds per call, and calls of all threads per second of wall-clock time. */
struct cost {
	double ns, per_s;
};

static struct cost measure(const struct row *row, reading *way, unsigned threads)
{
	struct runner runner[THREADS_MAX];
	uint64_t calls = 0;
	int64_t cpu_ns = 0;
	atomic_store(&bench.over, false);
	int64_t begun = lapse_now_ns();
	for (unsigned i = 0; i < threads; i++) {
		runner[i] = (struct runner){.row = row, .way = way, .from = row->subjects / threads * i};
		if (pthread_create(&runner[i].thread, NULL, run, &runner[i]) != 0)
			abort();
	}
	nanosleep(&(struct timespec){.tv_nsec = ROUND_MS * 1000000L}, NULL);
	atomic_store(&bench.over, true);
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(runner[i].thread, NULL);
		calls += runner[i].calls;
		cpu_ns += runner[i].cpu_ns;
	}
	double number = (double)(calls > 0 ? calls : 1);
	return (struct cost){.ns = (double)cpu_ns / number, .per_s = number * 1e9 / (double)(lapse_now_ns() - begun)};
}

static void row_print(const struct row *row, unsigned threads)
{
	double ns[WAYS][ROUNDS], per_s[WAYS][ROUNDS], median[WAYS];
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t w = 0; w < WAYS; w++) {
			struct cost cost = measure(row, ways[w], threads);
			ns[w][round] = cost.ns;
			per_s[w][round] = cost.per_s;
		}
	for (size_t w = 0; w < WAYS; w++)
		median[w] = lapse_median(ns[w]);
	printf("  %-20s %7.0f %8.0f (%4.1f) %8.0f (%4.1f) %10.0f\n", row->name, median[0], median[1],
		median[1] / median[0], median[2], median[2] / median[0], lapse_median(per_s[WAYS - 1]));
}

static void table_print(unsigned count, unsigned threads, const char *remark)
{
	printf("fresh: %u domains, %u thread%s%s; CPU ns per call (times the plain read)\n", count, threads,
		threads == 1 ? "" : "s", remark);
	printf("  %-20s %7s %15s %15s %10s\n", "", "plain", "decoded", "check_ask", "calls/s");
	for (size_t r = 0; r < ROWS; r++)
		row_print(&rows[r], threads);
	fflush(stdout);
}

/* Questions about few domains, the same number in each store: shows the cost of the store's size alone. */
static void hot_print(unsigned count)
{
	unsigned kept[ROWS];
	for (size_t r = 0; r < ROWS; r++) {
		kept[r] = rows[r].subjects;
		rows[r].subjects = kept[r] < SUBJECTS_HOT ? kept[r] : SUBJECTS_HOT;
	}
	table_print(count, 1, ", 40 domains asked for");
	for (size_t r = 0; r < ROWS; r++)
		rows[r].subjects = kept[r];
}

static void entry_touch(struct entry *entry, void *arg)
{
	const unsigned *commits = arg;
	entry->record_checked_at += *commits % 2 == 0 ? 1 : -1;
}

/* Makes commits one after another until stopped. */
static void *write_on(void *arg)
{
	unsigned *commits = arg;
	struct stock stock;
	stock_name(&stock, 0);
	while (!atomic_load(&bench.written)) {
		if (!store_change_entry(bench.store, stock.domain, entry_touch, commits, NULL))
			abort();
		++*commits;
	}
	return NULL;
}

static void writing_print(unsigned count)
{
	unsigned commits = 0;
	pthread_t writer;
	int64_t begun_ns = lapse_now_ns();
	if (pthread_create(&writer, NULL, write_on, &commits) != 0)
		abort();
	table_print(count, 1, " while the writer commits");
	atomic_store(&bench.written, true);
	pthread_join(writer, NULL);
	printf("  the writer made %.0f commits a second\n", commits * 1e9 / (double)(lapse_now_ns() - begun_ns));
}

/* The same order in every run. */
static void shuffle(struct stock *subject, unsigned count)
{
	uint64_t state = 1;
	for (unsigned i = count; i > 1; i--) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		unsigned other = (unsigned)((state >> 33) % i);
		struct stock kept = subject[i - 1];
		subject[i - 1] = subject[other];
		subject[other] = kept;
	}
}

static void row_subjects(struct row *row, unsigned count)
{
	row->subject = calloc(SUBJECTS_MAX, sizeof *row->subject);
	if (row->subject == NULL)
		abort();
	for (unsigned i = 0; i < count && row->subjects < SUBJECTS_MAX; i++) {
		struct stock *stock = &row->subject[row->subjects];
		stock_name(stock, i);
		row->subjects += stock->hops == row->domain_hops;
	}
	shuffle(row->subject, row->subjects);
}

static bool check_begin(const char *directory, struct failure *why)
{
	char none[] = "dns_servers=127.0.0.1@1"; /* no lookups are made, and none would be answered */
	char *const overrides[] = {none};
	bench.store = store_open(directory, UINT64_C(1) << 30, STORE_OWNER, why);
	bench.loops = bench.store == NULL ? NULL : loops_new(2, why);
	struct settings *settings = bench.loops == NULL ? NULL : settings_read(NULL, false, overrides, 1, why);
	struct config *config = settings == NULL ? NULL : config_new(settings, bench.loops, why);
	if (config == NULL)
		return false;
	bench.check = check_new(
		&(struct check_options){
			.config = config, .store = bench.store, .loops = bench.loops, .inquiries_max = 10000},
		why);
	config_unref(&config);
	return bench.check != NULL;
}

int main(int argc, char **argv)
{
	struct failure why = {.text = ""};
	unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (count < COUNT_MIN || count > COUNT_MAX) {
		fprintf(stderr, "usage: fresh DIRECTORY PLAIN-FILE COUNT\n");
		return EX_USAGE;
	}
	if (!check_begin(argv[1], &why)) {
		fprintf(stderr, "fresh: %s\n", why.text);
		return EX_OSERR;
	}
	if (!plain_open(&bench.plain, argv[2]))
		return EX_OSERR;
	for (size_t r = 0; r < ROWS; r++)
		row_subjects(&rows[r], (unsigned)count);
	table_print((unsigned)count, 1, "");
	table_print((unsigned)count, THREADS_MAX, "");
	hot_print((unsigned)count);
	writing_print((unsigned)count);
	for (size_t r = 0; r < ROWS; r++)
		free(rows[r].subject);
	plain_close(&bench.plain);
	check_free(&bench.check);
	store_close(&bench.store);
	loops_free(&bench.loops);
	return EX_OK;
}
