/* Floods: a sender to very many domains neither makes the store grow beyond its bound, nor evicts a policy that is in use,
 * nor delays other senders. The real check and store; DNS, policy hosts and next hops answer at once, by the form of the
 * name: v-* is a domain with a policy and a hop of its own, n-* does not exist.
 *
 *   test_flood [-r RANDOM] [-v VALID] [-m MEBIBYTES]     how many domains of each kind, and the store's bound */
#include "check.h"
#include "check_limits.h"
#include "clock.h"
#include "schedule.h"
#include "trust.h"

#include <getopt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOODERS 4
#define CLIENTS 64          /* networks that the floods come from */
#define KEPT 200            /* policies in use on two days */
#define LOOPS 2             /* like `io_threads` */
#define INQUIRIES_MAX 10000 /* like `lookups_max` */
#define WAIT_MS 60000
#define SETTLE_MS 120000
#define POLICY "version: STSv1\r\nmode: enforce\r\nmx: *.%s\r\nmax_age: 604800\r\n"

/* ThreadSanitizer makes each domain cost ten times as much, so there are fewer of them. */
#ifdef __SANITIZE_THREAD__
#define SHARE 4
#else
#define SHARE 1
#endif
static unsigned random_count = 60000 / SHARE, valid_count = 8000 / SHARE, bound_mib = 4;

static struct {
	char directory[256];
	struct store *store;
	struct loops *loops;
	struct config *config;
	struct check *check;
	atomic_uint probes; /* probes of the victim's hops */
	atomic_uint ended;  /* inquiries that the flood opened */
	atomic_bool over;
} flood;

/* The world */

struct dns {
	int unused;
};
struct fetcher {
	int unused;
};
struct prober {
	int unused;
};
struct trust {
	int unused;
};

static void *made(void)
{
	void *memory = calloc(1, 64);
	assert_non_null(memory);
	return memory;
}

struct dns *dns_new(const struct dns_options *options, const struct loops *loops, struct failure *why)
{
	(void)options;
	(void)loops;
	(void)why;
	return made();
}

bool dns_is_deciding(struct dns *dns)
{
	(void)dns;
	return false;
}

bool dns_validates(struct dns *dns)
{
	(void)dns;
	return false;
}

void dns_free(struct dns **dns)
{
	free(*dns);
	*dns = NULL;
}

const char *dns_outcome_name(enum dns_outcome outcome)
{
	return outcome == DNS_OK ? "ok" : "nxdomain";
}

static struct dns_answer *answer_new(enum dns_outcome outcome, const uint8_t *data, size_t len)
{
	struct dns_answer *answer = calloc(1, sizeof *answer + sizeof answer->rr[0] + len);
	assert_non_null(answer);
	answer->outcome = outcome;
	answer->ttl_s = 3600;
	if (outcome != DNS_OK)
		return answer;
	uint8_t *copy = (uint8_t *)&answer->rr[1];
	memcpy(copy, data, len);
	answer->count = 1;
	answer->rr[0] = (struct dns_rr){copy, len};
	return answer;
}

/* 10 mx.<name>; if the name belongs to a victim, the victim is its MX. */
static struct dns_answer *mx_answer(const char *name)
{
	char host[DOMAIN_SIZE + 4];
	uint8_t data[DOMAIN_SIZE + 8] = {0, 10};
	size_t at = 2;
	snprintf(host, sizeof host, "mx.%s", name);
	for (char *label = host, *end; *label; label = *end ? end + 1 : end) {
		end = label + strcspn(label, ".");
		data[at++] = (uint8_t)(end - label);
		memcpy(data + at, label, (size_t)(end - label));
		at += (size_t)(end - label);
	}
	return answer_new(DNS_OK, data, at + 1);
}

static struct dns_answer *address_answer(const char *name)
{
	uint32_t hash = 2166136261u;
	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	uint8_t address[4] = {8, (uint8_t)(hash >> 16), (uint8_t)(hash >> 8), 1};
	if (strstr(name, "victim"))
		address[1] = address[2] = 8;
	return answer_new(DNS_OK, address, sizeof address);
}

struct dns_query {
	enum dns_type type;
	struct dns_answer *answer;
	char name[DOMAIN_SIZE + 16];
};

struct dns_query *dns_query_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms, struct wake wake)
{
	(void)dns;
	(void)loop;
	(void)timeout_ms;
	(void)wake;
	struct dns_query *query = calloc(1, sizeof *query);
	assert_non_null(query);
	query->type = type;
	snprintf(query->name, sizeof query->name, "%s", name);
	return query;
}

void dns_query_drop(struct dns_query **query)
{
	free((*query)->answer);
	free(*query);
	*query = NULL;
}

static struct dns_answer *query_answer(const struct dns_query *query)
{
	static const uint8_t record[] = "\017v=STSv1; id=1; ";
	const char *name = query->name;
	if (!strstr(name, "v-"))
		return answer_new(DNS_NXDOMAIN, NULL, 0);
	switch (query->type) {
	case DNS_TXT:
		return answer_new(DNS_OK, record, 16);
	case DNS_MX:
		return mx_answer(name);
	case DNS_A:
		return address_answer(name);
	case DNS_AAAA:
	case DNS_CNAME:
	case DNS_TLSA:
		break;
	}
	return answer_new(DNS_NODATA, NULL, 0);
}

const struct dns_answer *dns_query_answer(struct dns_query *query)
{
	if (!query->answer)
		query->answer = query_answer(query);
	return query->answer;
}

void dns_prefetch(struct dns *dns, struct loop *loop, const char *name, enum dns_type type)
{
	(void)dns;
	(void)loop;
	(void)name;
	(void)type;
}

struct trust *trust_new(const char *file, struct failure *why)
{
	(void)file;
	(void)why;
	return made();
}

void trust_free(struct trust **trust)
{
	free(*trust);
	*trust = NULL;
}

struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why)
{
	(void)options;
	(void)why;
	return made();
}

void fetcher_free(struct fetcher **fetcher)
{
	free(*fetcher);
	*fetcher = NULL;
}

static void policy_make(struct policy_found *found, const char *domain)
{
	char text[1024];
	int len = snprintf(text, sizeof text, POLICY, domain);
	memset(found, 0, sizeof *found);
	assert_true(policy_parse(&found->policy, text, (size_t)len, NULL));
	found->text = strdup(text);
	found->text_len = (uint32_t)len;
	assert_non_null(found->text);
}

/* Answered at once. */
struct fetch {
	char domain[DOMAIN_SIZE];
};

struct fetch_line *fetch_line_new(struct loop *loop)
{
	(void)loop;
	return made();
}

void fetch_line_free(struct fetch_line **line)
{
	free(*line);
	*line = NULL;
}

struct fetch *fetch_begin(struct fetcher *fetcher, struct fetch_line *line, const char *domain,
	const struct address *addresses, size_t count, int timeout_ms, struct wake wake)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);
	(void)fetcher;
	(void)line;
	(void)addresses;
	(void)count;
	(void)timeout_ms;
	(void)wake;
	assert_non_null(fetch);
	snprintf(fetch->domain, sizeof fetch->domain, "%s", domain);
	return fetch;
}

bool fetch_answer(struct fetch *fetch, struct policy_found *found)
{
	policy_make(found, fetch->domain);
	return true;
}

void fetch_drop(struct fetch **fetch)
{
	free(*fetch);
	*fetch = NULL;
}

struct fetch *fetch_list_begin(struct fetcher *fetcher, struct fetch_line *line, const struct crl_url *url,
	int64_t newer_than, const struct address *addresses, size_t count, int timeout_ms, struct wake wake)
{
	(void)fetcher, (void)line, (void)url, (void)newer_than, (void)addresses, (void)count, (void)timeout_ms,
		(void)wake;
	abort();
}

bool fetch_list_answer(struct fetch *fetch, struct fetch_list_found *found)
{
	(void)fetch, (void)found;
	abort();
}

struct prober *prober_new(const struct probe_options *options, struct failure *why)
{
	(void)options;
	(void)why;
	return made();
}

void prober_free(struct prober **prober)
{
	free(*prober);
	*prober = NULL;
}

struct probe {
	int unused;
};

struct probe_line *probe_line_new(struct loop *loop)
{
	(void)loop;
	return made();
}

void probe_line_free(struct probe_line **line)
{
	free(*line);
	*line = NULL;
}

struct probe *probe_begin(struct prober *prober, struct probe_line *line, const char *host,
	const struct address *address, uint16_t port, int timeout_ms, const struct probe_dane *dane, struct wake wake)
{
	(void)prober;
	(void)line;
	(void)address;
	(void)port;
	(void)timeout_ms;
	(void)dane;
	(void)wake;
	if (strstr(host, "victim"))
		atomic_fetch_add(&flood.probes, 1);
	return made();
}

bool probe_answer(const struct probe *probe, struct evidence *seen, bool *may_pass)
{
	(void)probe;
	memset(seen, 0, sizeof *seen);
	seen->reason = REASON_OK;
	seen->protocol = 0x0304;
	*may_pass = false;
	return true;
}

const struct look *probe_look(const struct probe *probe)
{
	static const struct look look;
	(void)probe;
	return &look;
}

void probe_drop(struct probe **probe)
{
	free(*probe);
	*probe = NULL;
}

/* Domains in use */

static void kept_name(char name[DOMAIN_SIZE], unsigned i)
{
	snprintf(name, DOMAIN_SIZE, "v-kept-%u.example", i);
}

static void kept_fill(struct entry *entry, void *arg)
{
	struct policy_found found;
	struct record_found record = {.ttl_s = 3600, .record = {.id = "1"}};
	struct mx_found mx = {.set = {.state = MX_LISTED, .ttl_s = 3600, .preference = {10}}};
	int64_t now = clock_wall_s();
	char host[DOMAIN_SIZE + 4];
	(void)arg;
	policy_make(&found, entry->domain);
	entry_learn_record(entry, &record, now);
	entry_learn_policy(entry, &found, "1", now);
	snprintf(host, sizeof host, "mx.%s", entry->domain);
	names_add(&mx.set.names, host, strlen(host));
	entry_learn_mx(entry, &mx, now);
	entry_learn_use(entry, now - DAY_S);
	entry_learn_use(entry, now);
	policy_found_free(&found);
	mx_found_free(&mx);
}

static void kept_store(void)
{
	for (unsigned i = 0; i < KEPT; i++) {
		char name[DOMAIN_SIZE];
		kept_name(name, i);
		assert_true(store_change_entry(flood.store, name, kept_fill, NULL, NULL));
	}
}

static void kept_are_there(void)
{
	for (unsigned i = 0; i < KEPT; i++) {
		char name[DOMAIN_SIZE];
		struct entry entry;
		struct store_view *view = store_view_begin(flood.store, NULL);
		kept_name(name, i);
		assert_non_null(view);
		assert_int_equal(store_view_entry(view, name, &entry), STORE_FOUND);
		store_view_end(&view);
		assert_true(entry.has_policy);
		assert_int_equal(entry.policy.mode, POLICY_ENFORCE);
		entry_free(&entry);
	}
}

/* The flood, and who sends beside it */

struct flooder {
	pthread_t thread;
	const char *prefix; /* of its names */
	unsigned first, count, step;
	unsigned begun;
};

static void case_ended(void *arg, struct outcome *outcome)
{
	(void)arg;
	(void)outcome;
	atomic_fetch_add(&flood.ended, 1);
}

static void *flooder_run(void *arg)
{
	struct flooder *flooder = arg;
	for (unsigned i = flooder->first; i < flooder->count; i += flooder->step) {
		char name[DOMAIN_SIZE];
		struct question question;
		struct outcome outcome;
		snprintf(name, sizeof name, "%s%u.example", flooder->prefix, i);
		question_from_next_hop(&question, name, strlen(name), PURPOSE_DELIVER);
		question.client = 0x1000 + i % CLIENTS;
		check_ticket ticket = CHECK_NO_TICKET;
		bool final = check_ask(flood.check, &question, case_ended, NULL, &ticket, &outcome);
		outcome_free(&outcome);
		if (ticket != CHECK_NO_TICKET)
			flooder->begun++;
		else if (!final)
			usleep(200); /* less than a refusal costs over SMTP */
	}
	return NULL;
}

struct bystander {
	pthread_t thread;
	unsigned asked, passed;
	int64_t longest_ms;
};

/* Sends to new and known domains, like an honest client, while the flood goes on. */
static void *bystander_run(void *arg)
{
	struct bystander *bystander = arg;
	for (unsigned i = 0; !atomic_load(&flood.over); i++) {
		char name[DOMAIN_SIZE];
		struct question question;
		struct outcome outcome;
		if (i % 2 == 0)
			kept_name(name, i % KEPT);
		else
			snprintf(name, sizeof name, "v-honest-%u-%p.example", i, arg);
		question_from_next_hop(&question, name, strlen(name), PURPOSE_DELIVER);
		question.client = 0x2000;
		int64_t begun_ms = clock_mono_ms();
		check_ticket ticket = CHECK_NO_TICKET;
		check_ask(flood.check, &question, NULL, NULL, &ticket, &outcome);
		if (ticket != CHECK_NO_TICKET)
			check_wait(flood.check, ticket, begun_ms + WAIT_MS, &outcome);
		bystander->asked++;
		bystander->passed += outcome.verdict.kind == VERDICT_PASS;
		int64_t took_ms = clock_mono_ms() - begun_ms;
		if (took_ms > bystander->longest_ms)
			bystander->longest_ms = took_ms;
		if (outcome.verdict.kind != VERDICT_PASS)
			print_message("%s: %s\n", name, reason_name(outcome.verdict.reason));
		outcome_free(&outcome);
		usleep(5000);
	}
	return NULL;
}

static unsigned flood_run(const char *prefix, unsigned count, struct bystander *bystander)
{
	struct flooder flooder[FLOODERS];
	unsigned begun = 0;
	*bystander = (struct bystander){.asked = 0};
	atomic_store(&flood.over, false);
	atomic_store(&flood.ended, 0);
	assert_int_equal(pthread_create(&bystander->thread, NULL, bystander_run, bystander), 0);
	for (unsigned i = 0; i < FLOODERS; i++) {
		flooder[i] = (struct flooder){.prefix = prefix, .first = i, .count = count, .step = FLOODERS};
		assert_int_equal(pthread_create(&flooder[i].thread, NULL, flooder_run, &flooder[i]), 0);
	}
	for (unsigned i = 0; i < FLOODERS; i++) {
		pthread_join(flooder[i].thread, NULL);
		begun += flooder[i].begun;
	}
	for (int64_t until_ms = clock_mono_ms() + SETTLE_MS; atomic_load(&flood.ended) < begun;) {
		assert_true(clock_mono_ms() < until_ms);
		usleep(1000);
	}
	atomic_store(&flood.over, true);
	pthread_join(bystander->thread, NULL);
	return begun;
}

static void bound_holds(void)
{
	char path[sizeof flood.directory + sizeof STORE_FILE + 1];
	struct stat file;
	snprintf(path, sizeof path, "%s/" STORE_FILE, flood.directory);
	assert_int_equal(stat(path, &file), 0);
	print_message("the store's file has %lld KiB of %u KiB\n", (long long)file.st_size / 1024, bound_mib * 1024);
	assert_true(file.st_size <= (long long)bound_mib * 1024 * 1024 / 4 * 5);
}

static void flooded(const char *prefix, unsigned count)
{
	struct bystander bystander;
	unsigned begun = flood_run(prefix, count, &bystander);
	print_message("%u of %u looked up; beside it %u asked, %u passed, the slowest after %lld ms\n", begun, count,
		bystander.asked, bystander.passed, (long long)bystander.longest_ms);
	assert_true(begun > 0);
	assert_true(bystander.asked > 0);
	assert_int_equal(bystander.passed, bystander.asked);
	kept_are_there();
	bound_holds();
}

static void test_names_that_do_not_exist(void **state)
{
	(void)state;
	flooded("n-", random_count);
}

static void test_valid_policies(void **state)
{
	(void)state;
	flooded("v-", valid_count);
}

/* Many domains whose hops are all in one network. */
static void test_one_victim(void **state)
{
	struct bystander bystander;
	int64_t begun_ms = clock_mono_ms();
	(void)state;
	flood_run("v-victim-", 500, &bystander);
	unsigned minutes = (unsigned)((clock_mono_ms() - begun_ms) / 60000) + 1;
	assert_true(atomic_load(&flood.probes) > 0);
	assert_true(atomic_load(&flood.probes) <= BUDGET_A_MINUTE * (minutes + 1));
	assert_int_equal(bystander.passed, bystander.asked);
}

static int set_up(void **state)
{
	/* How long the disk takes for a commit is not tested here. */
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	struct failure why = {.text = ""};
	char own[] = "own_hosts=relay.example.net";
	char *overrides[] = {own};
	(void)state;
	snprintf(flood.directory, sizeof flood.directory, "%s/stsgate-flood-XXXXXX", where);
	assert_non_null(mkdtemp(flood.directory));
	flood.store = store_open(flood.directory, (uint64_t)bound_mib << 20, STORE_OWNER, &why);
	assert_non_null(flood.store);
	flood.loops = loops_new(LOOPS, &why);
	assert_non_null(flood.loops);
	flood.config = config_new(settings_read(NULL, false, overrides, 1, &why), flood.loops, &why);
	assert_non_null(flood.config);
	flood.check = check_new(&(struct check_options){.config = flood.config,
					.store = flood.store,
					.loops = flood.loops,
					.inquiries_max = INQUIRIES_MAX},
		&why);
	assert_non_null(flood.check);
	kept_store();
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {STORE_FILE, STORE_FILE "-lock", "policies.owner", "policies.dirty"};
	(void)state;
	check_free(&flood.check);
	store_close(&flood.store);
	config_unref(&flood.config);
	loops_free(&flood.loops);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[sizeof flood.directory + 32];
		snprintf(path, sizeof path, "%s/%s", flood.directory, files[i]);
		unlink(path);
	}
	rmdir(flood.directory);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_do_not_exist),
		cmocka_unit_test(test_valid_policies),
		cmocka_unit_test(test_one_victim),
	};
	for (int got; (got = getopt(argc, argv, "r:v:m:")) != -1;) {
		unsigned number = (unsigned)strtoul(optarg, NULL, 10);
		*(got == 'r' ? &random_count : got == 'v' ? &valid_count : &bound_mib) = number;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
