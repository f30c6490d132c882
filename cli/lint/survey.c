#include "survey.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"
#include "output.h"
#include "rdata.h"
#include "session.h"
#include "text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define SMTP_PORT 25
#define SOCKETS_MAX 256
#define NAME_SIZE (DOMAIN_SIZE + 16) /* a domain behind `_smtp._tls.` */
#define TASKS_MAX SURVEY_HOPS_MAX

/* What all tasks of a survey share. */
struct desk {
	struct survey *survey;
	struct limits *limits;
	struct bounds bounds;
	struct fetch_line *fetches;
	struct probe_line *probes;
	struct lock lock;
	struct signal_cond over;
	unsigned open; /* tasks that have not ended; guarded by `lock` */
};

/* One thing to obtain, on the loop. */
struct task {
	struct desk *desk;
	enum { TASK_TEXTS, TASK_ADDRESSES, TASK_WANT } kind;
	char name[NAME_SIZE]; /* of TASK_TEXTS and TASK_ADDRESSES */
	struct want want;
	struct survey_texts *texts;  /* the result of TASK_TEXTS */
	struct addresses *addresses; /* the result of TASK_ADDRESSES */
	struct found found;          /* the result of TASK_WANT */
	struct attempt attempt;
	struct loop_timer *timer;
	bool ended;
};

/* A function that runs on the loop, while the main thread waits. */
struct errand {
	struct loop_task task; /* the first member */
	struct desk *desk;
	void (*run)(struct errand *errand);
	struct task *tasks;
	size_t count;
};

static struct loop *desk_loop(const struct desk *desk)
{
	return desk->survey->loops->at[0];
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

static void texts_take(struct survey_texts *texts, const struct dns_answer *answer)
{
	*texts = (struct survey_texts){.outcome = answer->outcome, .ttl_s = answer->ttl_s};
	for (size_t i = 0; i < answer->count; i++) {
		if (texts->count < SURVEY_TEXTS_MAX) {
			struct survey_text *text = &texts->text[texts->count];
			long len = rdata_txt(text->bytes, sizeof text->bytes, answer->rr[i].data, answer->rr[i].len);
			text->len = len > 0 ? (size_t)len : 0;
		}
		texts->count++;
	}
}

/* Returns whether the task has its result. */
static bool task_look(struct task *task, const struct means *means)
{
	struct lookups *lookups = &task->attempt.lookups;
	if (task->kind == TASK_WANT)
		return obtain(means, &task->attempt, &task->want, &task->found) != OBTAIN_LATER;
	task->attempt.again_ms = -1;
	lookups_begin(lookups, means->config->dns, means->loop, means->wake);
	int64_t deadline_ms = lookups->begun_ms + DNS_TIMEOUT_MS;
	if (task->kind == TASK_ADDRESSES)
		addresses_find(task->addresses, lookups, task->name, FETCH_ADDRESSES_MAX,
			means->config->settings->fetch_private, deadline_ms);
	else
		texts_take(task->texts, lookups_ask(lookups, task->name, DNS_TXT, deadline_ms));
	return lookups_over(lookups);
}

/* Called by an operation that has ended, and by the task's timer. */
static void task_step(void *arg)
{
	struct task *task = arg;
	struct desk *desk = task->desk;
	const struct means means = {.config = desk->survey->config,
		.bounds = &desk->bounds,
		.loop = desk_loop(desk),
		.fetches = desk->fetches,
		.probes = desk->probes,
		.wake = {task_step, task},
		.asked = true};
	if (task->ended)
		return;
	task->ended = task_look(task, &means);
	if (!task->ended) {
		if (!task->timer)
			task->timer = loop_timer_new(means.loop, task_step, task);
		if (task->attempt.again_ms >= 0)
			loop_timer_set(task->timer, task->attempt.again_ms);
		return;
	}
	free(task->found.look); /* the evidence suffices */
	task->found.look = NULL;
	attempt_end(&task->attempt, &desk->bounds, means.config);
	loop_timer_free(&task->timer);
	lock_take(&desk->lock);
	desk->open--;
	cond_wake_all(&desk->over);
	lock_drop(&desk->lock);
}

static void errand_tasks(struct errand *errand)
{
	for (size_t i = 0; i < errand->count; i++)
		task_step(&errand->tasks[i]);
}

static void errand_lines_new(struct errand *errand)
{
	errand->desk->fetches = fetch_line_new(desk_loop(errand->desk));
	errand->desk->probes = probe_line_new(desk_loop(errand->desk));
}

static void errand_lines_free(struct errand *errand)
{
	fetch_line_free(&errand->desk->fetches);
	probe_line_free(&errand->desk->probes);
}

static void errand_run(struct loop_task *loop_task)
{
	struct errand *errand = (struct errand *)loop_task;
	struct desk *desk = errand->desk;
	errand->run(errand);
	lock_take(&desk->lock);
	desk->open--;
	cond_wake_all(&desk->over);
	lock_drop(&desk->lock);
}

/* --- on the main thread ------------------------------------------------------------------------------------------- */

/* Runs a function on the loop, and waits until it and the tasks that it has begun have ended. */
static void errand_do(struct desk *desk, void (*run)(struct errand *errand), struct task *tasks, size_t count)
{
	struct errand errand = {.task.run = errand_run, .desk = desk, .run = run, .tasks = tasks, .count = count};
	for (size_t i = 0; i < count; i++)
		tasks[i].desk = desk;
	lock_take(&desk->lock);
	desk->open = 1 + (unsigned)count;
	loop_post(desk_loop(desk), &errand.task);
	while (desk->open > 0)
		cond_wait(&desk->over, &desk->lock);
	lock_drop(&desk->lock);
}

static struct task task_want(enum want_kind kind, const char *name, bool dane)
{
	bool hop = kind == WANT_TLSA || kind == WANT_PROBE;
	struct task task = {.kind = TASK_WANT,
		.want = {.kind = kind, .port = hop ? SMTP_PORT : 0, .dane = dane, .standing = STANDING_NEW}};
	snprintf(task.want.name, sizeof task.want.name, "%s", name);
	return task;
}

static struct task task_texts(const char *prefix, const char *domain, struct survey_texts *texts)
{
	struct task task = {.kind = TASK_TEXTS, .texts = texts};
	snprintf(task.name, sizeof task.name, "%s%s", prefix, domain);
	return task;
}

static void domain_look(struct desk *desk)
{
	struct survey *survey = desk->survey;
	enum { RECORD, REPORTS, ADDRESSES, WANTED_RECORD, POLICY, MX, TASKS };
	struct task *tasks = xcalloc(TASKS, sizeof *tasks);
	tasks[RECORD] = task_texts("_mta-sts.", survey->domain, &survey->record);
	tasks[REPORTS] = task_texts("_smtp._tls.", survey->domain, &survey->reports);
	tasks[ADDRESSES] = (struct task){.kind = TASK_ADDRESSES, .addresses = &survey->policy_host};
	snprintf(tasks[ADDRESSES].name, NAME_SIZE, "mta-sts.%s", survey->domain);
	tasks[WANTED_RECORD] = task_want(WANT_RECORD, survey->domain, false);
	tasks[POLICY] = task_want(WANT_POLICY, survey->domain, false);
	tasks[MX] = task_want(WANT_MX, survey->domain, false);
	errand_do(desk, errand_tasks, tasks, TASKS);
	survey->record_reason = tasks[WANTED_RECORD].found.record.outcome;
	memcpy(survey->record_id, tasks[WANTED_RECORD].found.record.record.id, sizeof survey->record_id);
	survey->policy = tasks[POLICY].found.policy; /* moved */
	survey->mx = tasks[MX].found.mx;
	free(tasks);
}

/* Lists the mail hosts that can be probed. */
static void hops_list(struct survey *survey)
{
	const struct mx_set *mx = &survey->mx.set;
	if (survey->mx.outcome == REASON_OK && mx->state == MX_IMPLICIT)
		snprintf(survey->hop[survey->hop_count++].host, DOMAIN_SIZE, "%s", survey->domain);
	for (const char *name = NULL; mx->state == MX_LISTED && (name = names_next(&mx->names, name));) {
		if (mx_name_is_not_host(name, strlen(name)))
			continue;
		if (survey->hop_count < SURVEY_HOPS_MAX)
			snprintf(survey->hop[survey->hop_count++].host, DOMAIN_SIZE, "%s", name);
		else
			survey->hops_left_out++;
	}
}

static void hops_look(struct desk *desk)
{
	struct survey *survey = desk->survey;
	struct task *tasks = xcalloc(2 * SURVEY_HOPS_MAX, sizeof *tasks);
	size_t count = 0;
	for (size_t i = 0; i < survey->hop_count; i++) {
		tasks[count++] = task_want(WANT_TLSA, survey->hop[i].host, false);
		tasks[count++] = task_want(WANT_PROBE, survey->hop[i].host, false);
	}
	errand_do(desk, errand_tasks, tasks, count);
	for (size_t i = 0; i < survey->hop_count; i++) {
		survey->hop[i].tlsa = tasks[2 * i].found.tlsa;
		survey->hop[i].pkix = tasks[2 * i + 1].found.evidence;
	}
	free(tasks);
}

/* Probes the hosts with usable TLSA records once more, judged by these records. */
static void dane_look(struct desk *desk)
{
	struct survey *survey = desk->survey;
	struct task *tasks = xcalloc(SURVEY_HOPS_MAX, sizeof *tasks);
	size_t count = 0, at[SURVEY_HOPS_MAX];
	for (size_t i = 0; i < survey->hop_count; i++) {
		if (survey->hop[i].tlsa.state != TLSA_USABLE)
			continue;
		at[count] = i;
		tasks[count++] = task_want(WANT_PROBE, survey->hop[i].host, true);
	}
	errand_do(desk, errand_tasks, tasks, count);
	for (size_t i = 0; i < count; i++)
		survey->hop[at[i]].dane = tasks[i].found.evidence;
	free(tasks);
}

int survey_begin(struct survey *survey, const struct options *options, const char *domain)
{
	int status = EX_SOFTWARE;
	struct failure why = {0};
	*survey = (struct survey){.domain = domain};
	signal(SIGPIPE, SIG_IGN); /* a peer may close its connection at any time */
	struct settings *settings = session_settings(options, &status);
	if (!settings)
		return status;
	session_leave_root(settings);
	survey->loops = loops_new(1, &why);
	if (survey->loops)
		survey->config = config_new(settings, survey->loops, &why);
	else
		settings_free(&settings);
	if (survey->config)
		return 0;
	survey_end(survey);
	return complain(&why);
}

void survey_look(struct survey *survey)
{
	struct desk desk = {.survey = survey, .limits = limits_new()};
	desk.bounds = (struct bounds){.limits = desk.limits, .sockets_max = SOCKETS_MAX};
	lock_init(&desk.lock);
	cond_init(&desk.over);
	errand_do(&desk, errand_lines_new, NULL, 0);
	domain_look(&desk);
	survey->validates = dns_validates(survey->config->dns);
	hops_list(survey);
	hops_look(&desk);
	dane_look(&desk);
	errand_do(&desk, errand_lines_free, NULL, 0);
	cond_destroy(&desk.over);
	lock_destroy(&desk.lock);
	limits_free(&desk.limits);
}

void survey_end(struct survey *survey)
{
	policy_found_free(&survey->policy);
	mx_found_free(&survey->mx);
	config_unref(&survey->config);
	loops_free(&survey->loops);
}
