#include "model.h"

#include "clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SPOKEN 2     /* of ten domains, these have a policy or are cold */
#define EARLY_MS 100 /* how much earlier than at its end a wait may seem to end */

/* What kind of domain it is. */
enum kind {
	KIND_NONE,         /* no record */
	KIND_STEADY,       /* an enforce policy and a good mail host */
	KIND_TESTING,      /* a testing policy and a mail host without STARTTLS */
	KIND_BAD_HOP,      /* an enforce policy and a mail host with a certificate for another name */
	KIND_MOODY_HOP,    /* an enforce policy; the mail host behaves at random */
	KIND_MOODY_POLICY, /* the policy host behaves at random */
};

/* In milliseconds of clock_mono_ms(); 0: never. */
struct past {
	_Atomic int64_t first[CONDUCTS];      /* connection that began */
	_Atomic int64_t begun[CONDUCTS];      /* the latest */
	_Atomic int64_t first_done[CONDUCTS]; /* connection that certainly ended as it should */
	_Atomic int64_t done[CONDUCTS];       /* the latest */
	_Atomic int64_t
		left; /* when a client left before it had everything: the machine was too slow for its time limit */
};

static unsigned domains, oldest_s;
static _Atomic unsigned most_late_ms;
static uint64_t seed;
static struct past policy_past[MODEL_DOMAINS_MAX], hop_past[MODEL_DOMAINS_MAX];

/* --- domains ------------------------------------------------------------------------------------------------------ */

bool model_is_warm(unsigned domain)
{
	return domain % 10 != 9;
}

static enum kind kind_of(unsigned domain)
{
	static const enum kind warm[8] = {KIND_STEADY, KIND_STEADY, KIND_STEADY, KIND_STEADY, KIND_STEADY, KIND_STEADY,
		KIND_MOODY_HOP, KIND_TESTING};
	static const enum kind cold[8] = {KIND_NONE, KIND_STEADY, KIND_MOODY_POLICY, KIND_STEADY, KIND_TESTING,
		KIND_MOODY_HOP, KIND_MOODY_POLICY, KIND_BAD_HOP};
	if (domain % 10 == 9)
		return cold[domain / 10 % 8];
	return domain % 10 == 0 ? warm[domain / 10 % 8] : KIND_NONE;
}

void model_name(char out[MODEL_NAME_SIZE], unsigned domain)
{
	snprintf(out, MODEL_NAME_SIZE, "d%u.example", domain);
}

void model_stock(struct stock *out, unsigned domain)
{
	*out = (struct stock){.hops = kind_of(domain) == KIND_NONE ? 0 : 1,
		.testing = kind_of(domain) == KIND_TESTING,
		.age_s = oldest_s > 0 ? domain / 10 * 7 % oldest_s : 0}; /* so that renewals are spread */
	model_name(out->domain, domain);
	snprintf(out->host[0], sizeof out->host[0], "mx.d%u.example", domain);
}

/* Returns the number of a domain, of its mail host or of its policy host. */
static unsigned number_of(const char *name)
{
	const char *at = strstr(name, "d");
	unsigned number = 0;
	return at && sscanf(at, "d%u.example", &number) == 1 && number < domains ? number : 0;
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

/* Hosts that are in use have a network (/24) each, because networks have budgets. */
static unsigned place_of(unsigned domain)
{
	return domain / 10 * SPOKEN + (domain % 10 == 9);
}

static unsigned domain_at(unsigned place)
{
	unsigned domain = place / SPOKEN * 10 + (place % SPOKEN == 1 ? 9 : 0);
	return domain < domains ? domain : 0;
}

static uint32_t address(const char *host)
{
	unsigned place = place_of(number_of(strchr(host, '.') + 1));
	if (host[1] == 'x') /* mx. */
		return 127u << 24 | (128 + (place >> 8 & 127)) << 16 | (place & 255) << 8 | 1;
	return 127u << 24 | (64 + (place >> 8 & 63)) << 16 | (place & 255) << 8 | (1 + (place >> 14));
}

static unsigned domain_of_address(uint32_t from, uint16_t port)
{
	unsigned second = from >> 16 & 255, third = from >> 8 & 255, last = from & 255;
	if (port == SERVE_SMTP)
		return domain_at((second - 128) << 8 | third);
	return domain_at((last - 1) << 14 | (second - 64) << 8 | third);
}

static bool has_record(const char *domain)
{
	return kind_of(number_of(domain)) != KIND_NONE;
}

static const char *mode(const char *domain)
{
	return kind_of(number_of(domain)) == KIND_TESTING ? "testing" : "enforce";
}

static uint64_t random_next(void)
{
	static _Atomic uint64_t count;
	uint64_t x = seed + 0x9e3779b97f4a7c15u * atomic_fetch_add(&count, 1);
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static enum conduct mood(const unsigned char percent[CONDUCTS])
{
	unsigned at = (unsigned)(random_next() % 100);
	for (enum conduct conduct = CONDUCT_GOOD; conduct < CONDUCTS; conduct++) {
		if (at < percent[conduct])
			return conduct;
		at -= percent[conduct];
	}
	return CONDUCT_GOOD;
}

static enum conduct conduct_of(unsigned domain, uint16_t port)
{
	static const unsigned char hop[CONDUCTS] = {[CONDUCT_GOOD] = 50,
		[CONDUCT_CLEAR] = 15,
		[CONDUCT_OTHER] = 15,
		[CONDUCT_REFUSE] = 8,
		[CONDUCT_HANGUP] = 7,
		[CONDUCT_SILENT] = 5};
	static const unsigned char policy[CONDUCTS] = {[CONDUCT_GOOD] = 40,
		[CONDUCT_OTHER] = 15,
		[CONDUCT_REFUSE] = 20,
		[CONDUCT_HANGUP] = 15,
		[CONDUCT_SILENT] = 10};
	enum kind kind = kind_of(domain);
	if (port == SERVE_HTTPS)
		return kind == KIND_MOODY_POLICY ? mood(policy) : CONDUCT_GOOD;
	if (kind == KIND_TESTING)
		return CONDUCT_CLEAR;
	if (kind == KIND_BAD_HOP)
		return CONDUCT_OTHER;
	return kind == KIND_MOODY_HOP ? mood(hop) : CONDUCT_GOOD;
}

static struct past *past_at(uint32_t from, uint16_t port)
{
	return (port == SERVE_SMTP ? hop_past : policy_past) + domain_of_address(from, port);
}

static void note(_Atomic int64_t first[CONDUCTS], _Atomic int64_t last[CONDUCTS], enum conduct conduct)
{
	int64_t never = 0, now_ms = clock_mono_ms();
	atomic_compare_exchange_strong(&first[conduct], &never, now_ms);
	atomic_store(&last[conduct], now_ms);
}

void model_begun(uint32_t to, uint16_t port, enum conduct conduct)
{
	struct past *past = past_at(to, port);
	note(past->first, past->begun, conduct);
}

static enum conduct meet(uint32_t to, uint16_t port)
{
	enum conduct conduct = conduct_of(domain_of_address(to, port), port);
	model_begun(to, port, conduct);
	return conduct;
}

static void met(uint32_t to, uint16_t port, enum conduct conduct, bool whole)
{
	struct past *past = past_at(to, port);
	if (whole)
		note(past->first_done, past->done, conduct);
	else if (conduct <= CONDUCT_OTHER)
		past->left = clock_mono_ms();
}

const struct serve_rules *model_rules(void)
{
	static const struct serve_rules rules = {
		.threads = 128, .has_record = has_record, .mode = mode, .address = address, .meet = meet, .met = met};
	return &rules;
}

void model_init(unsigned count, unsigned oldest_age_s)
{
	domains = count;
	oldest_s = oldest_age_s;
	if (count > MODEL_DOMAINS_MAX || getrandom(&seed, sizeof seed, 0) != sizeof seed)
		abort();
	for (unsigned i = 0; i < count; i++) {
		if (!model_is_warm(i) || kind_of(i) == KIND_NONE)
			continue;
		note(hop_past[i].first, hop_past[i].begun, CONDUCT_GOOD);
		note(hop_past[i].first_done, hop_past[i].done, CONDUCT_GOOD);
		note(policy_past[i].first, policy_past[i].begun, CONDUCT_GOOD);
	}
}

void model_late(unsigned ms)
{
	if (ms > most_late_ms)
		most_late_ms = ms;
}

/* What happened before this time must be known at the time of the question. */
static int64_t known_since(int64_t asked_ms)
{
	return asked_ms - MODEL_SLACK_MS - 10 * (int64_t)most_late_ms;
}

/* --- right answers ------------------------------------------------------------------------------------------------ */

struct judged {
	unsigned domain;
	enum kind kind;
	int64_t asked_ms, waited_ms;
	bool may_know; /* the policy, or that there is none */
	bool must_know;
	bool failed; /* a fetch of the policy has */
};

static bool has_failed(const struct past *policy)
{
	return policy->left != 0 || policy->first[CONDUCT_OTHER] || policy->first[CONDUCT_REFUSE] ||
	       policy->first[CONDUCT_HANGUP] || policy->first[CONDUCT_SILENT];
}

static struct judged judged(unsigned domain, int64_t asked_ms, int64_t read_ms)
{
	const struct past *policy = &policy_past[domain];
	struct judged out = {
		.domain = domain, .kind = kind_of(domain), .asked_ms = asked_ms, .waited_ms = read_ms - asked_ms};
	int64_t done_ms = policy->first_done[CONDUCT_GOOD];
	out.may_know = model_is_warm(domain) || policy->first[CONDUCT_GOOD] != 0;
	out.must_know = model_is_warm(domain) || (done_ms != 0 && done_ms < known_since(asked_ms));
	out.failed = has_failed(policy);
	return out;
}

static bool has_waited(const struct judged *judged)
{
	return judged->waited_ms >= MODEL_WAIT_MS - EARLY_MS;
}

static bool is_enforced(enum kind kind)
{
	return kind != KIND_NONE && kind != KIND_TESTING;
}

bool model_map_is_right(unsigned domain, const char *answer, int64_t asked_ms, int64_t read_ms)
{
	struct judged of = judged(domain, asked_ms, read_ms);
	char name[MODEL_NAME_SIZE], bound[3 * MODEL_NAME_SIZE];
	model_name(name, domain);
	snprintf(bound, sizeof bound, "OK secure match=mx.%s servername=hostname", name);
	if (strcmp(answer, "TEMP first-contact") == 0)
		return has_waited(&of) && !of.must_know;
	if (!is_enforced(of.kind))
		return strcmp(answer, "NOTFOUND ") == 0;
	if (strcmp(answer, "NOTFOUND ") == 0)
		return of.failed && !of.must_know;
	return strcmp(answer, bound) == 0 && of.may_know;
}

/* Returns whether evidence of this conduct may be the newest conclusive evidence. */
static bool may_be_newest(const struct judged *judged, enum conduct conduct)
{
	static const enum conduct conclusive[] = {CONDUCT_GOOD, CONDUCT_CLEAR, CONDUCT_OTHER};
	const struct past *hop = &hop_past[judged->domain];
	int64_t begun_ms = hop->begun[conduct];
	if (begun_ms == 0)
		return false;
	for (size_t i = 0; i < sizeof conclusive / sizeof *conclusive; i++) {
		int64_t done_ms = hop->done[conclusive[i]], other_ms = hop->begun[conclusive[i]];
		if (conclusive[i] != conduct && done_ms >= other_ms && other_ms > begun_ms &&
			done_ms < known_since(judged->asked_ms))
			return false;
	}
	return true;
}

/* Returns whether something that the mail host did may be the cause of this reason. */
static bool hop_explains(const struct judged *judged, const char *reason)
{
	static const struct {
		const char *reason;
		enum conduct conduct;
	} rows[] = {{"starttls-not-supported", CONDUCT_CLEAR}, {"certificate-host-mismatch", CONDUCT_OTHER},
		{"hop-not-ready", CONDUCT_REFUSE}, {"hop-unreachable", CONDUCT_HANGUP},
		{"hop-protocol-error", CONDUCT_HANGUP}, {"hop-timeout", CONDUCT_SILENT},
		{"hop-unreachable", CONDUCT_SILENT}, {"hop-protocol-error", CONDUCT_SILENT}};
	if (strcmp(reason, "hop-timeout") == 0 && hop_past[judged->domain].left != 0)
		return true;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(reason, rows[i].reason) != 0)
			continue;
		bool vague = rows[i].conduct > CONDUCT_OTHER;
		if (vague ? hop_past[judged->domain].first[rows[i].conduct] != 0
			  : may_be_newest(judged, rows[i].conduct))
			return true;
	}
	return false;
}

static bool milter_passes(const struct judged *of)
{
	if (!is_enforced(of->kind))
		return true;
	if (!of->must_know && of->failed)
		return true;
	return of->may_know && may_be_newest(of, CONDUCT_GOOD);
}

bool model_milter_is_right(unsigned domain, const char *answer, int64_t asked_ms, int64_t read_ms)
{
	struct judged of = judged(domain, asked_ms, read_ms);
	char name[MODEL_NAME_SIZE + 16], reason[64] = "";
	if (answer[0] == 'c')
		return milter_passes(&of);
	model_name(name, domain);
	const char *mark = strchr(answer, '[');
	if (strncmp(answer, "y451 4.7.5 <", 12) != 0 || strncmp(answer + 12, name, strlen(name)) != 0 || !mark ||
		sscanf(mark, "[%63[a-z-]]; will be retried", reason) != 1)
		return false;
	if (strcmp(reason, "first-contact") == 0)
		return has_waited(&of) && !of.must_know;
	if (!is_enforced(of.kind) || !of.may_know)
		return false;
	if (strcmp(reason, "not-yet-checked") == 0)
		return has_waited(&of);
	return hop_explains(&of, reason);
}

static void past_print(const char *what, const struct past *past, int64_t now_ms)
{
	static const char *const names[CONDUCTS] = {"good", "clear", "other", "refuse", "hangup", "silent"};
	for (enum conduct i = CONDUCT_GOOD; i < CONDUCTS; i++)
		if (past->first[i] != 0)
			printf("    %s %s: first begun %lld ms ago, last %lld; first done %lld, last %lld\n", what,
				names[i], (long long)(now_ms - past->first[i]), (long long)(now_ms - past->begun[i]),
				(long long)(past->first_done[i] ? now_ms - past->first_done[i] : -1),
				(long long)(past->done[i] ? now_ms - past->done[i] : -1));
}

void model_explain(unsigned domain)
{
	static const char *const kinds[] = {
		"no record", "steady", "testing", "bad mail host", "moody mail host", "moody policy host"};
	int64_t now_ms = clock_mono_ms();
	if (policy_past[domain].left != 0 || hop_past[domain].left != 0)
		printf("    stsgated has left a host before it had everything\n");
	printf("    d%u.example: %s, %s\n", domain, model_is_warm(domain) ? "warm" : "cold", kinds[kind_of(domain)]);
	past_print("policy host", &policy_past[domain], now_ms);
	past_print("mail host", &hop_past[domain], now_ms);
}
