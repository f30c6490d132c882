#include "fake_check.h"

#include "clock.h"
#include "lock.h"
#include "report.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct fake_case {
	struct check *check;
	check_ticket ticket;
	struct question question;
	int64_t due_ms;
	check_done *done;
	void *arg;
	bool over; /* answered or given up */
	struct fake_case *next;
};

struct check {
	struct lock lock;
	struct signal_cond wake;
	struct config *config GUARDED_BY(lock);
	check_ticket last GUARDED_BY(lock);
	struct fake_case *cases GUARDED_BY(lock);
	bool stop GUARDED_BY(lock);
	pthread_t worker;
};

static atomic_uint started, abandoned, refreshed, refused, unreadable, repeated;
static atomic_bool refuse, store_broken, override_all, repeat;
static _Atomic(const char *) due_domain;
static struct lock references_lock = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *zeroed(size_t size)
{
	void *memory = calloc(1, size);
	if (memory == NULL)
		abort();
	return memory;
}

static int delay_ms(const struct question *question)
{
	char label[64];
	snprintf(label, sizeof label, "%.*s", (int)strcspn(question->domain, "."), question->domain);
	const char *dash = strchr(label, '-');
	return dash != NULL ? (int)strtol(dash + 1, NULL, 10) : 0;
}

static const struct {
	const char *label;
	enum verdict_kind kind;
	enum reason reason;
	bool has_policy;
	enum policy_mode mode;
} kinds[] = {
	{"first", VERDICT_NONE, REASON_FIRST_CONTACT, false, POLICY_NONE},
	{"exempt", VERDICT_NONE, REASON_EXEMPT, false, POLICY_NONE},
	{"none", VERDICT_NONE, REASON_NO_RECORD, false, POLICY_NONE},
	{"pass", VERDICT_PASS, REASON_OK, true, POLICY_ENFORCE},
	{"level", VERDICT_NONE, REASON_NO_RECORD, false, POLICY_NONE}, /* default_level = verify */
	{"testing", VERDICT_FAIL_TESTING, REASON_CERT_EXPIRED, true, POLICY_TESTING},
	{"enforce", VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, true, POLICY_ENFORCE},
	{"revoked", VERDICT_FAIL_ENFORCE, REASON_CERT_REVOKED, true, POLICY_ENFORCE},
	{"defer", VERDICT_DEFER, REASON_NOT_YET_CHECKED, true, POLICY_ENFORCE},
	{"unknown", VERDICT_DEFER, REASON_FIRST_CONTACT, false, POLICY_NONE},
};

static void policy_fill(struct policy *policy, const char *domain)
{
	char pattern[DOMAIN_SIZE + 4];
	policy->mode = POLICY_ENFORCE;
	policy->max_age_s = 86400;
	if (strncmp(domain, "passmagic", 9) == 0) {
		names_add(&policy->mx, "nexthop", 7);
		return;
	}
	snprintf(pattern, sizeof pattern, "mx.%s", domain);
	names_add(&policy->mx, pattern, strlen(pattern));
	snprintf(pattern, sizeof pattern, "*.%s", domain);
	names_add(&policy->mx, pattern, strlen(pattern));
}

static void outcome_final(struct outcome *out, const struct question *question)
{
	struct verdict *verdict = &out->verdict;
	*out = (struct outcome){.final = true, .basis.repeats = question->has_domain && !question->unreadable};
	memcpy(verdict->domain, question->domain, sizeof verdict->domain);
	verdict->reason = question->has_domain ? REASON_NO_RECORD : REASON_NO_POLICY_DOMAIN;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strncmp(question->domain, kinds[i].label, strlen(kinds[i].label)) != 0)
			continue;
		verdict->kind = kinds[i].kind;
		verdict->reason = kinds[i].reason;
		verdict->mode = kinds[i].mode;
		verdict->has_policy = kinds[i].has_policy;
	}
	if (question->requiretls)
		verdict->requiretls = verdict->reason == REASON_NO_RECORD ? TLS_DEMAND_UNMET
				      : verdict->mode == POLICY_ENFORCE   ? TLS_DEMAND_MET
									  : TLS_DEMAND_UNKNOWN;
	bool level = strncmp(question->domain, "level", strlen("level")) == 0 && question->purpose == PURPOSE_MAP;
	if (level) {
		verdict->kind = VERDICT_PASS;
		verdict->binding = BINDING_VERIFY;
		names_add(&out->policy.mx, "mx.level.example", strlen("mx.level.example"));
		return;
	}
	if (strstr(question->domain, "-tagged."))
		verdict->override = OVERRIDE_TAG;
	if (question->unreadable) {
		bool held = !question->has_domain || verdict->mode == POLICY_ENFORCE;
		verdict->kind = held ? VERDICT_DEFER : VERDICT_NONE;
		verdict->reason = question->has_domain ? REASON_NEXT_HOP_UNREADABLE : REASON_DOMAIN_UNREADABLE;
		return;
	}
	if (verdict->has_policy)
		snprintf(verdict->hop, sizeof verdict->hop, "mx.%.200s", question->domain);
	if (verdict->kind == VERDICT_PASS && question->purpose == PURPOSE_MAP) {
		verdict->binding = BINDING_SECURE;
		policy_fill(&out->policy, question->domain);
	}
}

static void outcome_so_far(struct outcome *out, const struct question *question)
{
	*out = (struct outcome){.final = false};
	memcpy(out->verdict.domain, question->domain, sizeof out->verdict.domain);
	out->verdict.kind = question->purpose == PURPOSE_MAP ? VERDICT_DEFER : VERDICT_NONE;
	out->verdict.reason = REASON_FIRST_CONTACT;
	out->verdict.worth_waiting = true;
}

void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail)
{
	(void)check;
	(void)domain;
	(void)detail;
	if (kind == EVENT_MAP_REPLY_REFUSED)
		atomic_fetch_add(&refused, 1);
	if (kind == EVENT_NEXT_HOP_UNREADABLE)
		atomic_fetch_add(&unreadable, 1);
}

void check_next_hop(struct check *check, const struct verdict *verdict, const char *frontend, struct span asked)
{
	(void)frontend;
	(void)asked;
	bool noted = verdict->reason == REASON_NEXT_HOP_UNREADABLE || verdict->reason == REASON_DOMAIN_UNREADABLE;
	if (noted && verdict->kind == VERDICT_DEFER)
		check_event(check, EVENT_NEXT_HOP_UNREADABLE, verdict->domain, "");
}

void check_verdict_acted(struct check *check, const struct verdict_seen *seen)
{
	(void)check;
	(void)seen;
}

bool check_follows_signs(struct check *check)
{
	(void)check;
	return false;
}

void check_verdict_seen(struct check *check, const struct verdict_seen *seen, struct verdict_logged *logged)
{
	(void)check;
	bool again = logged && seen->verdict->kind == VERDICT_NONE;
	if (verdict_is_logged(seen->settings, seen->verdict) &&
		!(again && verdict_logged_before(logged, seen->verdict->domain)))
		verdict_log(seen);
}

void check_write_verdicts(struct check *check)
{
	(void)check;
}

unsigned fake_check_unreadable(void)
{
	return atomic_load(&unreadable);
}

unsigned fake_check_refused(void)
{
	return atomic_load(&refused);
}

void outcome_free(struct outcome *outcome)
{
	policy_free(&outcome->policy);
}

static struct fake_case *case_ripe(struct check *check, int64_t *next_ms) REQUIRES(check->lock)
{
	int64_t now_ms = clock_mono_ms();
	*next_ms = now_ms + 1000;
	for (struct fake_case *c = check->cases; c != NULL; c = c->next) {
		if (c->over || !c->done)
			continue;
		if (c->due_ms <= now_ms)
			return c;
		if (c->due_ms < *next_ms)
			*next_ms = c->due_ms;
	}
	return NULL;
}

static void case_answer(struct fake_case *c)
{
	struct outcome outcome;
	outcome_final(&outcome, &c->question);
	c->done(c->arg, &outcome);
	outcome_free(&outcome);
}

static void *worker_main(void *arg)
{
	struct check *check = arg;
	lock_take(&check->lock);
	while (!check->stop) {
		int64_t next_ms;
		struct fake_case *ripe = case_ripe(check, &next_ms);
		if (ripe == NULL) {
			cond_wait_until(&check->wake, &check->lock, next_ms);
			continue;
		}
		ripe->over = true;
		lock_drop(&check->lock);
		case_answer(ripe);
		lock_take(&check->lock);
	}
	lock_drop(&check->lock);
	return NULL;
}

struct check *check_new(const struct check_options *options, struct failure *why)
{
	(void)why;
	struct check *check = zeroed(sizeof *check);
	lock_init(&check->lock);
	cond_init(&check->wake);
	lock_take(&check->lock);
	check->config = config_ref(options->config);
	lock_drop(&check->lock);
	if (pthread_create(&check->worker, NULL, worker_main, check) != 0)
		abort();
	return check;
}

void check_free(struct check **slot)
{
	struct check *check = *slot;
	if (check == NULL)
		return;
	lock_take(&check->lock);
	check->stop = true;
	cond_wake_all(&check->wake);
	lock_drop(&check->lock);
	pthread_join(check->worker, NULL);
	lock_take(&check->lock);
	config_unref(&check->config);
	for (struct fake_case *c = check->cases, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	lock_drop(&check->lock);
	lock_destroy(&check->lock);
	cond_destroy(&check->wake);
	free(check);
	*slot = NULL;
}

void check_reconfigure(struct check *check, struct config *config)
{
	lock_take(&check->lock);
	struct config *old = check->config;
	check->config = config_ref(config);
	lock_drop(&check->lock);
	config_unref(&old);
}

struct config *check_config(struct check *check)
{
	lock_take(&check->lock);
	struct config *config = config_ref(check->config);
	lock_drop(&check->lock);
	return config;
}

/* For waits of the milter: the delay passes in check_wait(). */
bool check_ask(struct check *check, const struct question *question, check_done *done, void *arg, check_ticket *ticket,
	struct outcome *out)
{
	if (delay_ms(question) <= 0) {
		outcome_final(out, question);
		return true;
	}
	outcome_so_far(out, question);
	if (!ticket || atomic_load(&refuse)) {
		counters_verdict(question->purpose, &out->verdict);
		return false;
	}
	atomic_fetch_add(&started, 1);
	struct fake_case *c = zeroed(sizeof *c);
	*c = (struct fake_case){.check = check,
		.question = *question,
		.due_ms = clock_mono_ms() + delay_ms(question),
		.done = done,
		.arg = arg};
	lock_take(&check->lock);
	*ticket = c->ticket = ++check->last;
	c->next = check->cases;
	check->cases = c;
	cond_wake_all(&check->wake);
	lock_drop(&check->lock);
	return false;
}

bool check_ask_again(struct check *check, const struct config *config, const struct answer_before *before)
{
	(void)check;
	(void)config;
	bool repeats = before->basis->repeats && atomic_load(&repeat);
	if (repeats)
		counters_verdict(before->question->purpose, before->verdict);
	atomic_fetch_add(&repeated, repeats);
	return repeats;
}

void fake_check_repeat(bool on)
{
	atomic_store(&repeat, on);
}

unsigned fake_check_repeated(void)
{
	return atomic_load(&repeated);
}

static struct fake_case *case_open(struct check *check, check_ticket ticket) REQUIRES(check->lock)
{
	for (struct fake_case *c = check->cases; c != NULL; c = c->next)
		if (c->ticket == ticket && !c->over)
			return c;
	return NULL;
}

void check_wait(struct check *check, check_ticket ticket, int64_t deadline_ms, struct outcome *out)
{
	lock_take(&check->lock);
	struct fake_case *c = case_open(check, ticket);
	c->over = true;
	lock_drop(&check->lock);
	int64_t rest_ms = (c->due_ms < deadline_ms ? c->due_ms : deadline_ms) - clock_mono_ms();
	struct timespec rest = {.tv_sec = rest_ms / 1000, .tv_nsec = (rest_ms % 1000) * 1000000L};
	if (rest_ms > 0)
		nanosleep(&rest, NULL);
	if (c->due_ms <= deadline_ms)
		outcome_final(out, &c->question);
	else
		outcome_so_far(out, &c->question);
}

bool check_give_up(struct check *check, check_ticket ticket, struct outcome *out)
{
	memset(out, 0, sizeof *out); /* as the real function does */
	lock_take(&check->lock);
	struct fake_case *c = case_open(check, ticket);
	if (c) {
		c->over = true;
		outcome_so_far(out, &c->question);
	}
	lock_drop(&check->lock);
	if (c)
		atomic_fetch_add(&abandoned, 1);
	return c != NULL;
}

void check_round_ended(struct check *check, bool store_read, const struct failure *why)
{
	(void)check;
	(void)store_read;
	(void)why;
}

enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced)
{
	(void)check;
	(void)domain;
	(void)forced;
	if (atomic_load(&refuse))
		return CHECK_REFRESH_NO_ROOM;
	atomic_fetch_add(&refreshed, 1);
	return CHECK_REFRESH_BEGUN;
}

struct config *config_new(struct settings *settings, const struct loops *loops, struct failure *why)
{
	(void)loops;
	(void)why;
	struct config *config = zeroed(sizeof *config);
	config->settings = settings;
	config->references = 1;
	for (size_t i = 0; i < settings->exempt_domains.count; i++)
		names_add(&config->rules.exempt_domains, settings->exempt_domains.item[i],
			strlen(settings->exempt_domains.item[i]));
	return config;
}

const char *config_warning(const struct config *config, char out[CONFIG_WARNING_SIZE])
{
	(void)config;
	out[0] = '\0';
	return out;
}

struct config *config_ref(struct config *config)
{
	lock_take(&references_lock);
	config->references++;
	lock_drop(&references_lock);
	return config;
}

void config_unref(struct config **slot)
{
	struct config *config = *slot;
	*slot = NULL;
	lock_take(&references_lock);
	bool last = --config->references == 0;
	lock_drop(&references_lock);
	if (!last)
		return;
	struct settings *settings = (struct settings *)config->settings;
	names_free(&config->rules.exempt_domains);
	settings_free(&settings);
	free(config);
}

struct config *config_keep(struct config *config)
{
	return config;
}

void config_release(struct config **slot)
{
	if (*slot)
		config_unref(slot);
}

struct config *fake_config(char *const *overrides, size_t count)
{
	struct failure why;
	struct settings *settings = settings_read(NULL, false, overrides, count, &why);
	if (settings == NULL) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	return config_new(settings, NULL, NULL);
}

unsigned fake_check_started(void)
{
	return atomic_load(&started);
}

unsigned fake_check_abandoned(void)
{
	return atomic_load(&abandoned);
}

unsigned fake_check_refreshed(void)
{
	return atomic_load(&refreshed);
}

void fake_check_refuse(bool on)
{
	atomic_store(&refuse, on);
}

void fake_store_break(bool broken)
{
	atomic_store(&store_broken, broken);
}

void fake_override_all(bool set)
{
	atomic_store(&override_all, set);
}

void fake_store_due(const char *domain)
{
	atomic_store(&due_domain, domain);
}

struct store_view *store_view_begin(struct store *store, struct failure *why)
{
	if (!atomic_load(&store_broken))
		return (struct store_view *)store;
	failure_set(why, 0, "the store is broken");
	return NULL;
}

void store_view_end(struct store_view **view)
{
	*view = NULL;
}

enum store_found store_view_entry(struct store_view *view, const char *domain, struct entry *out)
{
	(void)view;
	(void)domain;
	(void)out;
	return STORE_ABSENT;
}

enum store_found store_view_override(struct store_view *view, const char *domain, int64_t now, struct override *out)
{
	(void)view;
	(void)domain;
	*out = (struct override){.kind = atomic_load(&override_all) ? OVERRIDE_PASS : OVERRIDE_NONE,
		.domain = OVERRIDE_ALL,
		.begins_at = now,
		.ends_at = 1760003600,
		.author = "alice",
		.reason = "an attack"};
	return out->kind == OVERRIDE_NONE ? STORE_ABSENT : STORE_FOUND;
}

bool store_due(struct store *store, int64_t now, size_t max, struct names *out, struct failure *why)
{
	(void)store;
	(void)now;
	(void)max;
	const char *domain = atomic_load(&due_domain);
	if (atomic_load(&store_broken))
		return failure_set(why, 0, "the store is broken");
	if (domain != NULL)
		names_add(out, domain, strlen(domain));
	return true;
}
