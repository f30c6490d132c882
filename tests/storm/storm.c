/* storm STSGATED DIRECTORY SECONDS DOMAINS ROUNDS PER-S: runs stsgated under a storm, and compares every verdict with a
 * model.
 *
 * 2,000 milter and 500 map connections ask about DOMAINS domains, a tenth of which are first contacts. Policy hosts and
 * mail hosts fail at random, settings are reloaded, and some clients hang up. The storm comes in ROUNDS rounds, with calm
 * after each: then stsgated must hold no more descriptors and threads than before the first round, and memory must not
 * have grown.
 *
 * Needs root and a network namespace of its own, because the servers use their real ports; tests/storm/run makes it. */
#include "clients.h"
#include "clock.h"
#include "lapse.h"
#include "model.h"
#include "store.h"
#include "watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define MILTERS 2000
#define MAPS 500
#define ROUNDS_MAX 20
#define CALM_MS 90000 /* for what is under way when the clients have gone */
#define CALM_POLL_MS 250
#define MEMORY_MAX_KIB (256 << 10)
#define SPARE_MS 17000  /* until the daemon has given free memory back: two rounds of its refresher, and its rest */
#define RELOADED_S 2    /* until a reload is over, also on a busy machine */
#define FLAT_ROUNDS 4   /* fewer rounds cannot show that memory is flat: the first two fill tables and heaps */
#define MORE_PERCENT 10 /* of memory, than in the first half of the rounds */

static const char *directory;
static pid_t daemon_pid;
static unsigned probe_ttl_s, rounds;

/* In calm nothing is probed, so that the descriptors of probes in the background do not hide what is left over. */
static void conf_write(unsigned count, bool calm)
{
	char path[512], next[520];
	snprintf(path, sizeof path, "%s/conf", directory);
	snprintf(next, sizeof next, "%s.new", path);
	FILE *file = fopen(next, "w");
	if (!file)
		abort();
	fprintf(file,
		"user = root\ngroup = root\nmilter_socket = inet:38462@127.0.0.1\n"
		"socketmap_socket = inet:38461@127.0.0.1\nmetrics_socket =\nstore_path = %s/store\n"
		"dns_servers = 127.0.0.1\ndnssec = off\nown_hosts = relay.storm.example\nprobe_helo = relay.storm.example\n"
		"fetch_ca_file = %s/ca.pem\nfetch_private = yes\nfetch_timeout = %us\n"
		"probe_ca_file = %s/ca.pem\nprobe_private = yes\nprobe_timeout = 20s\n"
		"probe_ttl_ok = %us\nprobe_ttl_fail = 10s\n"
		"milter_wait = %ds\nlookup_timeout = %ds\nmilter_waiters = 4000\nmilter_first_contact = defer\n"
		"log_verdicts = %s\nprobe = %s\n",
		directory, directory, count % 2 ? 30 : 31, directory, probe_ttl_s, MODEL_WAIT_MS / 1000,
		MODEL_WAIT_MS / 1000, count % 4 == 1 ? "all" : "changes", calm ? "no" : "yes");
	if (fclose(file) != 0 || rename(next, path) != 0)
		abort();
}

static void reload(unsigned count)
{
	conf_write(count, false);
	kill(daemon_pid, SIGUSR1);
}

static void reload_for_calm(bool calm)
{
	conf_write(0, calm);
	kill(daemon_pid, SIGUSR1);
}

static void store_fill(unsigned domains)
{
	char path[512];
	struct failure why = {.text = ""};
	snprintf(path, sizeof path, "%s/store", directory);
	mkdir(path, 0700);
	struct store *store = store_open(path, UINT64_C(1) << 30, STORE_OWNER, &why);
	for (unsigned i = 0; store && i < domains; i++) {
		struct stock stock;
		model_stock(&stock, i);
		if (model_is_warm(i) && !stock_put(store, &stock, &why))
			store_close(&store);
	}
	if (!store) {
		fprintf(stderr, "storm: %s\n", why.text);
		exit(EX_CANTCREAT);
	}
	store_close(&store);
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static unsigned more(unsigned now, unsigned before)
{
	return now > before ? now - before : 0;
}

/* Descriptors and threads. */
static unsigned left_over(const struct held *held, const struct held *first)
{
	return more(held->descriptors, first->descriptors) + more(held->threads, first->threads);
}

static bool is_calm(const struct held *held, const struct held *first)
{
	return left_over(held, first) == 0;
}

/* Waits until nothing is left over of the storm. */
static struct held calm_wait(const struct held *first)
{
	int64_t end_ms = clock_mono_ms() + CALM_MS;
	struct held held = watch_held();
	serve_hang_up();
	reload_for_calm(true);
	while (!is_calm(&held, first) && clock_mono_ms() < end_ms) {
		nanosleep(&(struct timespec){.tv_nsec = CALM_POLL_MS * 1000000L}, NULL);
		held = watch_held();
	}
	if (rounds >= FLAT_ROUNDS)
		nanosleep(&(struct timespec){.tv_sec = SPARE_MS / 1000}, NULL);
	held = watch_held();
	reload_for_calm(false);
	nanosleep(&(struct timespec){.tv_sec = RELOADED_S}, NULL);
	return held;
}

static void held_print(const char *when, const struct held *held)
{
	printf("%-16s %6.1f MiB without the map, %u descriptors, %u threads\n", when, held->memory_kib / 1024.0,
		held->descriptors, held->threads);
	fflush(stdout);
}

static bool round_run(struct storm *storm, unsigned number, const struct held *before, struct held *after)
{
	static unsigned long answers, wrong; /* of all rounds so far */
	struct tally tally = {.answers = 0};
	char when[32];
	int64_t cpu_ms = watch_held().cpu_ms, begun_ms = clock_mono_ms();
	clients_run(storm, reload, &tally);
	int64_t took_ms = clock_mono_ms() - begun_ms;
	printf("round %u: %lu answers in %.1f s, %lu of them delay mail, %lu WRONG, the slowest after %u ms (map) and %u ms (milter); %u first contacts, %lu clients "
	       "hung up, %u reloads, late by %u ms; at most %.1f MiB and %u descriptors; %.1f s of CPU\n",
		number, tally.answers, (double)took_ms / 1e3, tally.delayed, tally.wrong, tally.map_ms, tally.milter_ms,
		tally.contacts, tally.left, tally.reloads, tally.late_ms, tally.memory_kib / 1024.0, tally.descriptors,
		(double)(watch_held().cpu_ms - cpu_ms) / 1e3);
	*after = calm_wait(before);
	snprintf(when, sizeof when, "after round %u", number);
	held_print(when, after);
	storm->first_cold += storm->cold;
	fact_put("storm", "answers", (double)(answers += tally.answers));
	fact_put("storm", "wrong", (double)(wrong += tally.wrong));
	fact_put("storm", "left_over", left_over(after, before));
	return tally.wrong == 0 && is_calm(after, before);
}

/* Whether memory after the rounds is bounded, and no longer grows in the second half of them. */
static bool is_flat(const struct held after[])
{
	unsigned half = rounds / 2, most_kib = 0;
	for (unsigned i = 0; i < half; i++)
		most_kib = after[i].memory_kib > most_kib ? after[i].memory_kib : most_kib;
	fact_put("storm", "first_mib", most_kib / 1024.0);
	fact_put("storm", "last_mib", after[rounds - 1].memory_kib / 1024.0);
	for (unsigned i = half; i < rounds; i++)
		if (after[i].memory_kib > MEMORY_MAX_KIB ||
			(rounds >= FLAT_ROUNDS && after[i].memory_kib > most_kib / 100 * (100 + MORE_PERCENT)))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct held after[ROUNDS_MAX];
	char path[512];
	unsigned number[4] = {0};
	for (int i = 0; i < 4 && argc == 7; i++)
		number[i] = (unsigned)strtoul(argv[3 + i], NULL, 10);
	unsigned seconds = number[0], domains = number[1];
	rounds = number[2];
	if (rounds == 0 || rounds > ROUNDS_MAX || domains < 100 || domains > MODEL_DOMAINS_MAX || seconds < rounds)
		return EX_USAGE;
	directory = argv[2];
	probe_ttl_s = seconds < 120 ? 36 : 300;
	setvbuf(stdout, NULL, _IOLBF, 0);
	model_init(domains, probe_ttl_s * 2 / 3);
	store_fill(domains);
	snprintf(path, sizeof path, "%s/ca.pem", directory);
	serve_start(model_rules(), path);
	conf_write(0, false);
	snprintf(path, sizeof path, "%s/conf", directory);
	daemon_pid = watch_start(argv[1], path);
	struct held before = watch_held();
	held_print("before", &before);
	struct storm storm = {.milters = MILTERS,
		.maps = MAPS,
		.per_s = number[3],
		.domains = domains,
		.cold = domains / 10 / rounds,
		.ms = (int64_t)seconds * 1000 / rounds};
	bool good = true;
	for (unsigned i = 0; i < rounds; i++)
		good = round_run(&storm, i + 1, &before, &after[i]) && good;
	if (!is_flat(after)) {
		printf("WRONG: memory grows\n");
		good = false;
	}
	if (getenv("STORM_HOLD"))
		sleep((unsigned)strtoul(getenv("STORM_HOLD"), NULL, 10));
	int status = watch_stop();
	if (status != 0)
		printf("WRONG: stsgated ended with status %d\n", status);
	if (watch_trouble() > 0)
		printf("WRONG: %u lines of the log tell of trouble\n", watch_trouble());
	good = good && status == 0 && watch_trouble() == 0;
	printf("storm: %d passed, %d failed\n", good, !good);
	return good ? EX_OK : EX_SOFTWARE;
}
