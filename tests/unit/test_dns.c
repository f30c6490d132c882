/* dns against a small DNS server on a loopback port: forwarding, outcomes, TTLs, deadlines, dead resolvers, threads. */
#include "clock.h"
#include "dns_await.h"
#include "dns_port.h"
#include "lock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

/* A DNS server. Names decide how it behaves; a name that is not listed has the A record 192.0.2.9. */

#define FLAG_AA 0x0400
#define FLAG_TC 0x0200
#define FLAG_RA 0x0080
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3
#define RCODE_REFUSED 5
#define LATE_MS 7500
#define SLOW_MS 3000

struct responder {
	struct dns_port port;
	bool authoritative; /* answers without the RA flag */
	bool refuses_invalid;
	atomic_bool mute;
	atomic_int queries;
	int64_t late_since_ms; /* when late.example or slow.example was queried first */
};

struct packet {
	uint8_t *bytes;
	size_t len;
};

static void put16(struct packet *p, unsigned value)
{
	p->bytes[p->len++] = (uint8_t)(value >> 8);
	p->bytes[p->len++] = (uint8_t)value;
}

static void put_bytes(struct packet *p, const void *bytes, size_t len)
{
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

static void put_name(struct packet *p, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		p->bytes[p->len++] = (uint8_t)len;
		put_bytes(p, name, len);
		name += len + (name[len] == '.');
	}
	p->bytes[p->len++] = 0;
}

/* Adds a record of the queried name (compressed), or of `owner`. */
static void put_record(struct packet *p, const char *owner, unsigned type, uint32_t ttl, const void *data, size_t len)
{
	if (owner)
		put_name(p, owner);
	else
		put16(p, 0xc00c);
	put16(p, type);
	put16(p, 1);
	put16(p, ttl >> 16);
	put16(p, ttl & 0xffff);
	put16(p, (unsigned)len);
	put_bytes(p, data, len);
}

static void put_soa(struct packet *p, uint32_t ttl, uint32_t minimum)
{
	uint8_t bytes[128];
	struct packet soa = {.bytes = bytes};

	put_name(&soa, "ns.example");
	put_name(&soa, "hostmaster.example");
	for (int i = 0; i < 4; i++) {
		put16(&soa, 0);
		put16(&soa, 60);
	}
	put16(&soa, minimum >> 16);
	put16(&soa, minimum & 0xffff);
	put_record(p, "example", 6, ttl, soa.bytes, soa.len);
	p->bytes[9]++;
}

static void answer_count(struct packet *p, unsigned count)
{
	p->bytes[6] = (uint8_t)(count >> 8);
	p->bytes[7] = (uint8_t)count;
}

static void put_many(struct packet *p, unsigned count, bool udp)
{
	if (udp) {
		p->bytes[2] |= FLAG_TC >> 8;
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		char text[8];
		int len = snprintf(text + 1, sizeof text - 1, "%05u", i);

		text[0] = (char)len;
		put_record(p, NULL, DNS_TXT, 60, text, (size_t)len + 1);
	}
	answer_count(p, count);
}

/* Behaves like a resolver that needs some time to find the answer. */
static bool still_late(struct responder *r, int64_t late_ms)
{
	int64_t now_ms = clock_mono_ms();

	if (r->late_since_ms == 0)
		r->late_since_ms = now_ms;
	return now_ms - r->late_since_ms < late_ms;
}

/* Returns false if there is no answer at all. */
static bool answer_fill(struct responder *r, struct packet *p, const char *name, unsigned type, bool udp)
{
	static const uint8_t address[4] = {192, 0, 2, 9};
	static const uint8_t mx[] = {0, 10, 4, 'm', 'a', 'i', 'l', 0xc0, 0x0c}; /* mail.<queried name> */

	if (!strncmp(name, "silent", 6) || (!strcmp(name, "late.example") && still_late(r, LATE_MS)) ||
		(!strcmp(name, "slow.example") && still_late(r, SLOW_MS)))
		return false;
	if (!strcmp(name, "servfail.example")) {
		p->bytes[3] |= RCODE_SERVFAIL;
	} else if (!strcmp(name, "refused.example") || (r->refuses_invalid && strstr(name, "invalid"))) {
		p->bytes[3] |= RCODE_REFUSED;
	} else if (!strcmp(name, "gone.example") || !strncmp(name, "stsgate-", 8)) {
		p->bytes[3] |= RCODE_NXDOMAIN;
		put_soa(p, 60, 999);
	} else if (!strcmp(name, "bare.example")) {
		p->bytes[3] |= RCODE_NXDOMAIN;
	} else if (!strcmp(name, "nodata.example")) {
		put_soa(p, 500, 123);
	} else if (!strcmp(name, "many.example")) {
		put_many(p, DNS_RR_MAX + 88, udp);
	} else if (!strcmp(name, "alias.example")) {
		put_record(p, NULL, 5, 50, "\4real\7example", 14);
		answer_count(p, 1);
	} else if (!strcmp(name, "chain.example")) {
		put_record(p, NULL, 5, 50, "\5alias\7example", 15);
		answer_count(p, 1);
	} else if (!strcmp(name, "loop.example")) {
		put_record(p, NULL, 5, 50, "\4loop\7example", 14);
		answer_count(p, 1);
	} else if (!strcmp(name, "real.example")) {
		put_record(p, NULL, DNS_TXT, 40, "\2ab\1c", 5);
		answer_count(p, 1);
	} else if (type == DNS_MX) {
		put_record(p, NULL, DNS_MX, 60, mx, sizeof mx);
		answer_count(p, 1);
	} else if (type == DNS_TXT) {
		put_record(p, NULL, DNS_TXT, 60, "\3abc", 4);
		answer_count(p, 1);
	} else if (type == DNS_A) {
		put_record(p, NULL, DNS_A, 77, address, 4);
		answer_count(p, 1);
	} else {
		put_soa(p, 60, 60);
	}
	return true;
}

/* Writes the reply to a query with one question; 0: none. */
static size_t respond(void *arg, const uint8_t *query, size_t len, uint8_t reply[DNS_PORT_MAX], bool udp)
{
	struct responder *r = arg;
	struct packet packet = {.bytes = reply}, *p = &packet;
	char name[256] = "";
	size_t at = 12, used = 0;

	atomic_fetch_add(&r->queries, 1);
	if (atomic_load(&r->mute) || len < 17)
		return 0;
	while (at < len && query[at] && used < sizeof name - 64) {
		used += (size_t)snprintf(name + used, sizeof name - used, "%s%.*s", used ? "." : "", query[at],
			(const char *)query + at + 1);
		at += query[at] + 1u;
	}
	if (at + 5 > len)
		return 0;
	memset(p->bytes, 0, 12);
	memcpy(p->bytes, query, 2);
	p->bytes[2] = 0x80 | (query[2] & 1) | (r->authoritative ? FLAG_AA >> 8 : 0);
	p->bytes[3] = r->authoritative ? 0 : FLAG_RA;
	p->bytes[5] = 1;
	p->len = 12;
	put_bytes(p, query + 12, at + 5 - 12);
	return answer_fill(r, p, name, (unsigned)query[at + 1] << 8 | query[at + 2], udp) ? p->len : 0;
}

static void responder_start(struct responder *r)
{
	dns_port_open(&r->port, respond, r);
}

static void responder_stop(struct responder *r)
{
	dns_port_close(&r->port);
}

static struct dns *dns_at(uint16_t port)
{
	static char server[32];
	static const char *servers[1] = {server};
	struct failure why = {0};
	struct dns *dns;

	snprintf(server, sizeof server, "127.0.0.1@%u", port);
	dns = dns_new(&(struct dns_options){.servers = servers, .server_count = 1}, await_loops_get(), &why);
	if (!dns)
		fail_msg("%s", why.text);
	return dns;
}

static enum dns_outcome outcome_of(struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	struct dns_wait *wait;
	enum dns_outcome outcome = dns_await(&wait, dns, name, type, timeout_ms)->outcome;

	dns_wait_drop(&wait);
	return outcome;
}

/* Tests */

static const struct row {
	const char *name;
	enum dns_type type;
	enum dns_outcome outcome;
	size_t count;
	uint32_t ttl_s;
	const char *data;
	size_t len;
	bool truncated;
} rows[] = {
	{"ok.example", DNS_A, DNS_OK, 1, 77, "\300\0\2\11", 4, false},
	{"ok.example", DNS_AAAA, DNS_NODATA, 0, 60, NULL, 0, false},
	{"alias.example", DNS_TXT, DNS_OK, 1, 40, "\2ab\1c", 5, false},
	{"chain.example", DNS_TXT, DNS_OK, 1, 40, "\2ab\1c", 5, false}, /* RFC 8461 3.1: one CNAME or several */
	{"loop.example", DNS_TXT, DNS_FAILED, 0, 0, NULL, 0, false},
	{"x.example", DNS_MX, DNS_OK, 1, 60, "\0\12\4mail\1x\7example", 18, false},
	{"nodata.example", DNS_A, DNS_NODATA, 0, 123, NULL, 0, false},
	{"gone.example", DNS_A, DNS_NXDOMAIN, 0, 60, NULL, 0, false},
	{"bare.example", DNS_A, DNS_NXDOMAIN, 0, 300, NULL, 0, false},
	{"servfail.example", DNS_A, DNS_FAILED, 0, 0, NULL, 0, false},
	{"refused.example", DNS_A, DNS_FAILED, 0, 0, NULL, 0, false},
	{"many.example", DNS_TXT, DNS_OK, DNS_RR_MAX, 60, NULL, 0, true},
	{"a..example", DNS_A, DNS_FAILED, 0, 0, NULL, 0, false},
	/* libunbound would answer these itself: */
	{"mail.test", DNS_A, DNS_OK, 1, 77, NULL, 0, false},
	{"test", DNS_TXT, DNS_OK, 1, 60, NULL, 0, false},
	{"mail.invalid", DNS_A, DNS_OK, 1, 77, NULL, 0, false},
	{"mail.onion", DNS_A, DNS_OK, 1, 77, NULL, 0, false},
	{"mail.home.arpa", DNS_A, DNS_OK, 1, 77, NULL, 0, false},
	{"mail.local", DNS_A, DNS_OK, 1, 77, NULL, 0, false},
	{"1.0.0.10.in-addr.arpa", DNS_TXT, DNS_OK, 1, 60, NULL, 0, false},
	{"1.0.168.192.in-addr.arpa", DNS_TXT, DNS_OK, 1, 60, NULL, 0, false},
	{"1.2.0.192.in-addr.arpa", DNS_TXT, DNS_OK, 1, 60, NULL, 0, false},
};

static void check_rows(bool authoritative)
{
	struct responder r = {.authoritative = authoritative};
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct dns_wait *wait;
		const struct dns_answer *answer = dns_await(&wait, dns, row->name, row->type, 5000);

		if (answer->outcome != row->outcome || answer->count != row->count || answer->ttl_s != row->ttl_s ||
			answer->truncated != row->truncated || answer->secure)
			fail_msg("%s type %d: %s count %zu ttl %u", row->name, (int)row->type,
				dns_outcome_name(answer->outcome), answer->count, answer->ttl_s);
		if (row->data) {
			assert_int_equal(answer->rr[0].len, row->len);
			assert_memory_equal(answer->rr[0].data, row->data, row->len);
		}
		dns_wait_drop(&wait);
	}
	dns_free(&dns);
	assert_null(dns);
	responder_stop(&r);
}

static void test_outcomes(void **state)
{
	(void)state;
	check_rows(false);
}

static void test_outcomes_without_recursion_available(void **state)
{
	(void)state;
	check_rows(true);
}

static void test_deadline(void **state)
{
	struct responder r = {0};
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	int64_t begun_ms = clock_mono_ms();
	assert_int_equal(outcome_of(dns, "silent.example", DNS_A, 1500), DNS_TIMEOUT);
	int64_t took_ms = clock_mono_ms() - begun_ms;
	assert_in_range(took_ms, 1499, 10000);
	begun_ms = clock_mono_ms();
	dns_free(&dns); /* while the query is still under way */
	assert_in_range(clock_mono_ms() - begun_ms, 0, 10000);
	responder_stop(&r);
}

static void test_late_answer(void **state)
{
	struct responder r = {0};
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	assert_int_equal(outcome_of(dns, "late.example", DNS_A, 15000), DNS_OK);
	dns_free(&dns);
	responder_stop(&r);
}

/* A domain whose own servers are silent must not end the lookups of other domains. */
static void test_silent_domain(void **state)
{
	struct responder r = {0};
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	assert_int_equal(outcome_of(dns, "silent.example", DNS_A, 8000), DNS_TIMEOUT);
	assert_int_equal(outcome_of(dns, "other.example", DNS_A, 1000), DNS_OK);
	dns_free(&dns);
	responder_stop(&r);
}

/* The servers fall silent: cached answers continue, other lookups end as a local failure, not as the domain's. Then
 * the servers come back. */
static void test_dead_and_back(void **state)
{
	struct responder r = {0};
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	assert_int_equal(outcome_of(dns, "servfail.example", DNS_A, 5000),
		DNS_FAILED); /* the control query: the servers are alive */
	atomic_store(&r.mute, true);
	usleep(5100 * 1000); /* until the answer to the control query no longer counts */
	assert_int_equal(outcome_of(dns, "one.example", DNS_A, 3000), DNS_BROKEN);
	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 3000), DNS_OK);
	assert_int_equal(outcome_of(dns, "two.example", DNS_A, 1000), DNS_BROKEN);
	atomic_store(&r.mute, false);
	int64_t begun_ms = clock_mono_ms();
	while (outcome_of(dns, "three.example", DNS_A, 2000) != DNS_OK)
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
	dns_free(&dns);
	responder_stop(&r);
}

static void test_nobody_listens(void **state)
{
	struct responder r = {0};
	(void)state;
	responder_start(&r);
	responder_stop(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 4000), DNS_BROKEN);
	dns_free(&dns);
}

/* A server that refuses control queries is judged by its other answers. */
static void test_control_refused(void **state)
{
	struct responder r = {.refuses_invalid = true};
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	assert_int_equal(outcome_of(dns, "servfail.example", DNS_A, 5000), DNS_FAILED);
	/* By then libunbound 1.26 has given up, and 1.17 has not. */
	enum dns_outcome silent = outcome_of(dns, "silent.example", DNS_A, 2500);
	assert_true(silent == DNS_TIMEOUT || silent == DNS_FAILED);
	dns_free(&dns);
	responder_stop(&r);
}

#define THREADS 16
#define LOOKUPS 60

static atomic_int good_lookups;

static void *lookups_run(void *arg)
{
	static atomic_int thread_number;
	int number = atomic_fetch_add(&thread_number, 1);

	for (int i = 0; i < LOOKUPS; i++) {
		char name[64];

		snprintf(name, sizeof name, "n%d.t%d.example", i % 20, number / 2);
		if (outcome_of(arg, name, DNS_A, 8000) == DNS_OK)
			atomic_fetch_add(&good_lookups, 1);
	}
	outcome_of(arg, "silent.example", DNS_A, 30);
	return NULL;
}

static void test_threads(void **state)
{
	struct responder r = {0};
	pthread_t threads[THREADS];
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, lookups_run, dns), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&good_lookups), THREADS * LOOKUPS);
	assert_in_range(atomic_load(&r.queries), 160, 400); /* there are 160 names, so the rest came from the cache */
	dns_free(&dns);
	responder_stop(&r);
}

/* What a caller on a loop sees. All of an operation happens on its loop's thread, and the test's thread waits for it.
 */

struct operation {
	struct loop_task task;
	void (*run)(struct operation *operation);
	struct dns *dns;
	struct loop *loop;
	char name[64];
	int timeout_ms;
	struct dns_query *query;
	bool at_once; /* the answer was there when dns_query_begin() returned */
	enum dns_outcome outcome;
	struct operation *then; /* begun inside the wake */
	atomic_int woken, ran;
};

static void operation_run(struct loop_task *task)
{
	struct operation *operation = (struct operation *)task;
	operation->run(operation);
	atomic_fetch_add(&operation->ran, 1);
}

/* Runs on the loop; does not wait for it. */
static void operation_post(struct operation *operation, void (*run)(struct operation *operation))
{
	operation->task.run = operation_run;
	operation->run = run;
	loop_post(operation->loop, &operation->task);
}

static void operation_do(struct operation *operation, void (*run)(struct operation *operation))
{
	int ran = atomic_load(&operation->ran);
	operation_post(operation, run);
	while (atomic_load(&operation->ran) == ran)
		usleep(1000);
}

static void operation_begin(struct operation *operation);

static void operation_woken(void *arg)
{
	struct operation *operation = arg;
	assert_true(loop_is_mine(operation->loop));
	assert_false(operation->at_once);
	const struct dns_answer *answer = dns_query_answer(operation->query);
	assert_non_null(answer);
	assert_ptr_equal(dns_query_answer(operation->query), answer);
	operation->outcome = answer->outcome;
	if (operation->then)
		operation_begin(operation->then);
	atomic_fetch_add(&operation->woken, 1);
}

static void operation_begin(struct operation *operation)
{
	struct wake wake = {operation_woken, operation};
	operation->query =
		dns_query_begin(operation->dns, operation->loop, operation->name, DNS_A, operation->timeout_ms, wake);
	assert_int_equal(atomic_load(&operation->woken), 0);
	const struct dns_answer *answer = dns_query_answer(operation->query);
	operation->at_once = answer != NULL;
	if (answer)
		operation->outcome = answer->outcome;
}

static void operation_drop(struct operation *operation)
{
	dns_query_drop(&operation->query);
	assert_null(operation->query);
	dns_query_drop(&operation->query);
}

static void operation_begin_and_drop(struct operation *operation)
{
	operation_begin(operation);
	assert_false(operation->at_once);
	operation_drop(operation);
}

/* A query is dropped inside its own wake. */
static void operation_dropped_woken(void *arg)
{
	struct operation *operation = arg;
	operation->outcome = dns_query_answer(operation->query)->outcome;
	dns_query_drop(&operation->query);
	atomic_fetch_add(&operation->woken, 1);
}

static void operation_begin_dropping(struct operation *operation)
{
	struct wake wake = {operation_dropped_woken, operation};
	operation->query =
		dns_query_begin(operation->dns, operation->loop, operation->name, DNS_A, operation->timeout_ms, wake);
	operation->at_once = dns_query_answer(operation->query) != NULL;
}

static void operation_prefetch(struct operation *operation)
{
	dns_prefetch(operation->dns, operation->loop, operation->name, DNS_A);
}

static void operation_init(struct operation *operation, struct dns *dns, unsigned loop, const char *name)
{
	memset(operation, 0, sizeof *operation);
	operation->dns = dns;
	operation->loop = await_loops_get()->at[loop];
	operation->timeout_ms = 20000;
	snprintf(operation->name, sizeof operation->name, "%s", name);
}

static void operation_await(struct operation *operation)
{
	while (atomic_load(&operation->woken) == 0)
		usleep(1000);
}

static void test_wakes(void **state)
{
	struct responder r = {0};
	struct operation first, again, malformed, inner, outer, dropping, dropped;
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	operation_init(&first, dns, 1, "ok.example");
	operation_do(&first, operation_begin);
	operation_await(&first);
	assert_int_equal(first.outcome, DNS_OK);

	/* An answer from the cache, and one for a name that DNS cannot hold, are there at once and without a wake. */
	operation_init(&again, dns, 1, "ok.example");
	operation_do(&again, operation_begin);
	assert_true(again.at_once);
	assert_int_equal(again.outcome, DNS_OK);
	operation_do(&again, operation_drop);
	assert_int_equal(atomic_load(&again.woken), 0);
	operation_init(&malformed, dns, 1, "a..example");
	operation_do(&malformed, operation_begin);
	assert_true(malformed.at_once);
	assert_int_equal(malformed.outcome, DNS_FAILED);

	operation_init(&inner, dns, 1, "inner.example");
	operation_init(&outer, dns, 1, "outer.example");
	outer.then = &inner;
	operation_do(&outer, operation_begin);
	operation_await(&inner);
	assert_int_equal(inner.outcome, DNS_OK);

	operation_init(&dropping, dns, 0, "dropping.example");
	operation_do(&dropping, operation_begin_dropping);
	operation_await(&dropping);
	assert_int_equal(dropping.outcome, DNS_OK);

	/* After a drop there is no wake, but the answer goes into the cache. */
	operation_init(&dropped, dns, 0, "dropped.example");
	operation_do(&dropped, operation_begin_and_drop);
	int64_t begun_ms = clock_mono_ms();
	do {
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
		assert_int_equal(atomic_load(&dropped.woken), 0);
		operation_init(&again, dns, 0, "dropped.example");
		operation_do(&again, operation_begin);
		operation_do(&again, operation_drop);
	} while (!again.at_once);
	assert_int_equal(again.outcome, DNS_OK);

	assert_int_equal(atomic_load(&first.woken), 1);
	assert_int_equal(atomic_load(&malformed.woken), 0);
	operation_do(&first, operation_drop);
	operation_do(&malformed, operation_drop);
	operation_do(&outer, operation_drop);
	operation_do(&inner, operation_drop);
	dns_free(&dns);
	responder_stop(&r);
}

static void test_time_out_wakes(void **state)
{
	struct responder r = {0};
	struct operation silent, dropped;
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	operation_init(&silent, dns, 0, "silent.example");
	operation_init(&dropped, dns, 0, "silent.example");
	silent.timeout_ms = dropped.timeout_ms = 300;
	operation_do(&silent, operation_begin);
	operation_do(&dropped, operation_begin_and_drop);
	operation_await(&silent);
	assert_int_equal(silent.outcome, DNS_TIMEOUT);
	operation_do(&silent, operation_drop);
	assert_int_equal(atomic_load(&silent.woken), 1);
	assert_int_equal(atomic_load(&dropped.woken), 0);
	dns_free(&dns);
	responder_stop(&r);
}

static void test_prefetch(void **state)
{
	struct responder r = {0};
	struct operation fetched, used;
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	operation_init(&fetched, dns, 0, "soon.example");
	operation_do(&fetched, operation_prefetch);
	snprintf(fetched.name, sizeof fetched.name, "a..example");
	operation_do(&fetched, operation_prefetch);
	snprintf(fetched.name, sizeof fetched.name, "silent.example");
	operation_do(&fetched, operation_prefetch);
	int64_t begun_ms = clock_mono_ms();
	do {
		operation_init(&used, dns, 0, "soon.example");
		operation_do(&used, operation_begin);
		operation_do(&used, operation_drop);
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
	} while (!used.at_once);
	assert_int_equal(used.outcome, DNS_OK);
	dns_free(&dns); /* while a query is under way that nobody waits for */
	responder_stop(&r);
}

/* dns_free() may be called on a loop's thread, because after a reload the last use of a configuration may end there. */
static void operation_free_dns(struct operation *operation)
{
	dns_free(&operation->dns);
}

static void test_freed_on_a_loop(void **state)
{
	struct responder r = {0};
	struct operation one;
	(void)state;
	responder_start(&r);
	for (unsigned loop = 0; loop < 2; loop++) {
		operation_init(&one, dns_at(r.port.number), loop, "ok.example");
		operation_do(&one, operation_begin);
		if (!one.at_once)
			operation_await(&one);
		operation_do(&one, operation_drop);
		operation_do(&one, operation_free_dns);
	}
	/* The loops end first; tasks that dns_free() has posted run at their end. */
	struct dns *dns = dns_at(r.port.number);
	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 5000), DNS_OK);
	dns_free(&dns);
	loops_free(&await_loops);
	responder_stop(&r);
}

/* Quick answers for other domains must not end the lookup of a slow domain early. */
static void test_slow_among_quick(void **state)
{
	struct responder r = {0};
	struct operation slow;
	(void)state;
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	operation_init(&slow, dns, 0, "slow.example");
	operation_do(&slow, operation_begin);
	for (unsigned i = 0; atomic_load(&slow.woken) == 0; i++) {
		char name[64];
		snprintf(name, sizeof name, "quick-%u.example", i);
		assert_int_equal(outcome_of(dns, name, DNS_A, DNS_TIMEOUT_MS), DNS_OK);
		usleep(5 * 1000);
	}
	assert_int_equal(slow.outcome, DNS_OK);
	operation_do(&slow, operation_drop);
	dns_free(&dns);
	responder_stop(&r);
}

#define GOOD 20

/* Domains whose own servers are silent must not delay other domains. */
static void check_silent(unsigned count)
{
	struct responder r = {0};
	struct operation *silent = calloc(count, sizeof *silent);
	responder_start(&r);
	struct dns *dns = dns_at(r.port.number);

	for (unsigned i = 0; i < count; i++) {
		char name[64];
		snprintf(name, sizeof name, "silent-%u.example", i);
		operation_init(&silent[i], dns, i % 2, name);
		operation_post(&silent[i], operation_begin);
	}
	while (atomic_load(&silent[count - 1].ran) == 0 || atomic_load(&silent[count - 2].ran) == 0)
		usleep(1000);
	for (unsigned i = 0; i < GOOD; i++) {
		char name[64];
		struct dns_wait *wait;
		snprintf(name, sizeof name, "good-%u.example", i);
		struct loop *loop = await_loops_get()->at[i % 2];
		const struct dns_answer *answer = dns_await_on(&wait, dns, loop, name, DNS_A, DNS_TIMEOUT_MS);
		if (answer->outcome != DNS_OK)
			fail_msg("%u of %u are answered, then %s", i, GOOD, dns_outcome_name(answer->outcome));
		dns_wait_drop(&wait);
	}
	for (unsigned i = 0; i < count; i++)
		operation_do(&silent[i], operation_drop);
	dns_free(&dns);
	loops_free(&await_loops);
	free(silent);
	responder_stop(&r);
}

static void test_silent_thousand(void **state)
{
	(void)state;
	check_silent(1000);
}

static void test_silent_ten_thousand(void **state)
{
	struct rlimit limit;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 16384)
		skip();
	check_silent(10000);
}

static void test_bad_options(void **state)
{
	const char *servers[1] = {"resolver.example"};
	struct failure why = {0};
	(void)state;

	assert_null(dns_new(&(struct dns_options){.servers = servers, .server_count = 1}, await_loops_get(), &why));
	assert_int_equal(why.code, EX_CONFIG);
	assert_non_null(strstr(why.text, "resolver.example"));
	for (enum dns_validation validate = DNS_VALIDATE_OFF; validate <= DNS_VALIDATE_AUTO; validate++) {
		struct dns_options options = {.validate = validate, .trust_anchor = "/nonexistent/root.key"};
		assert_null(dns_new(&options, await_loops_get(), &why));
		assert_int_equal(why.code, EX_NOINPUT);
		assert_non_null(strstr(why.text, "dns_trust_anchor: /nonexistent/root.key"));
	}
	assert_null(dns_new(&(struct dns_options){.validate = DNS_VALIDATE_ON, .trust_anchor = "/etc/passwd"},
		await_loops_get(), &why));
	assert_int_equal(why.code, EX_CONFIG);
	assert_non_null(strstr(why.text, "dns_trust_anchor: libunbound cannot start with /etc/passwd"));
}

/* With a trust anchor that does not fit the answers, these are bogus, which is the domain's failure. */
static void test_bogus(void **state)
{
	char path[] = "/tmp/stsgate-test-anchor-XXXXXX", server[32];
	const char *servers[1] = {server};
	static const char anchor[] =
		"example. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";
	struct responder r = {0};
	struct failure why = {0};
	int fd = mkstemp(path);
	(void)state;

	assert_int_equal(write(fd, anchor, sizeof anchor - 1), sizeof anchor - 1);
	close(fd);
	responder_start(&r);
	snprintf(server, sizeof server, "127.0.0.1@%u", r.port.number);
	struct dns *dns = dns_new(
		&(struct dns_options){
			.servers = servers, .server_count = 1, .validate = DNS_VALIDATE_ON, .trust_anchor = path},
		await_loops_get(), &why);
	if (!dns)
		fail_msg("%s", why.text);
	assert_int_equal(outcome_of(dns, "ok.test", DNS_A, 5000), DNS_OK);
	assert_int_equal(outcome_of(dns, "ok.example", DNS_A, 8000), DNS_BOGUS);
	dns_free(&dns);
	responder_stop(&r);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_outcomes_without_recursion_available),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_silent_domain),
		cmocka_unit_test(test_dead_and_back),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_control_refused),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_wakes),
		cmocka_unit_test(test_time_out_wakes),
		cmocka_unit_test(test_prefetch),
		cmocka_unit_test(test_freed_on_a_loop),
		cmocka_unit_test(test_slow_among_quick),
		cmocka_unit_test(test_silent_thousand),
		cmocka_unit_test(test_silent_ten_thousand),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_bogus),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
