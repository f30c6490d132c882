#include "workers.h"

#include "clock.h"
#include "lock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct queue {
	struct job *first;
	struct job **end;
};

/* One client's jobs. */
struct lane {
	struct queue jobs;
	struct lane *next; /* whose turn comes after it, while it holds jobs */
};

/* Jobs of one class: the lanes that hold some take turns. */
struct line {
	struct lane lane[WORK_LANES];
	struct lane *first, **end;
};

struct workers {
	struct lock lock;
	struct signal_cond wake;
	struct line line[WORK_CLASSES] GUARDED_BY(lock);
	struct queue later GUARDED_BY(lock);       /* put off; the earliest first */
	int64_t later_last_ms GUARDED_BY(lock);    /* of the last of them */
	int64_t watched_until_ms GUARDED_BY(lock); /* when a thread that waits will look at them; 0: none does */
	unsigned refreshing GUARDED_BY(lock);
	unsigned running GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
	unsigned count;
	pthread_t *thread;
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

static void queue_add(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;
	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->end = &queue->first;
	return job;
}

static void line_init(struct line *line)
{
	for (unsigned i = 0; i < WORK_LANES; i++)
		queue_init(&line->lane[i].jobs);
	line->end = &line->first;
}

static void lane_wait(struct line *line, struct lane *lane)
{
	lane->next = NULL;
	*line->end = lane;
	line->end = &lane->next;
}

static void line_add(struct line *line, struct job *job)
{
	struct lane *lane = &line->lane[((job->client * 0x9e3779b97f4a7c15u) >> 32) % WORK_LANES];
	if (!lane->jobs.first)
		lane_wait(line, lane);
	queue_add(&lane->jobs, job);
}

static struct job *line_take(struct line *line)
{
	struct lane *lane = line->first;
	if (!lane)
		return NULL;
	line->first = lane->next;
	if (!line->first)
		line->end = &line->first;
	struct job *job = queue_take(&lane->jobs);
	if (lane->jobs.first)
		lane_wait(line, lane);
	return job;
}

/* Thousands may be put off, most of them for the same time: those go to the end. */
static void later_add(struct workers *w, struct job *job) REQUIRES(w->lock)
{
	struct job **at = &w->later.first;
	if (!*at || job->not_before_ms >= w->later_last_ms) {
		w->later_last_ms = job->not_before_ms;
		queue_add(&w->later, job);
		return;
	}
	while ((*at)->not_before_ms <= job->not_before_ms)
		at = &(*at)->next;
	job->next = *at;
	*at = job;
}

/* Queues what was put off and is due; returns when the next one is, or 0. */
static int64_t wake_later(struct workers *w, int64_t now_ms) REQUIRES(w->lock)
{
	while (w->later.first && (w->later.first->not_before_ms <= now_ms || w->stopping)) {
		struct job *job = queue_take(&w->later);
		line_add(&w->line[job->class], job);
	}
	return w->later.first ? w->later.first->not_before_ms : 0;
}

static bool refresh_allowed(const struct workers *w) REQUIRES(w->lock)
{
	return w->refreshing < (w->count + 1) / 2;
}

static struct job *take(struct workers *w) REQUIRES(w->lock)
{
	struct job *job = line_take(&w->line[WORK_ASKED]);
	if (!job && refresh_allowed(w))
		job = line_take(&w->line[WORK_REFRESH]);
	return job;
}

/* Before a thread goes to work: another one has to go on with what it leaves, the watch over what was put off too. */
static void hand_over(struct workers *w) REQUIRES(w->lock)
{
	bool more = w->line[WORK_ASKED].first || (w->line[WORK_REFRESH].first && refresh_allowed(w));
	if (more || (w->later.first && w->watched_until_ms == 0))
		cond_wake_one(&w->wake);
}

/* One thread watches the time; the others sleep until they are called. */
static void rest(struct workers *w, int64_t next_ms) REQUIRES(w->lock)
{
	if (next_ms == 0 || (w->watched_until_ms != 0 && w->watched_until_ms <= next_ms)) {
		cond_wait(&w->wake, &w->lock);
		return;
	}
	w->watched_until_ms = next_ms;
	cond_wait_until(&w->wake, &w->lock, next_ms);
	if (w->watched_until_ms == next_ms)
		w->watched_until_ms = 0;
}

/* The next job, or NULL when the pool stops and nothing is left that could push another. */
static struct job *next_job(struct workers *w) REQUIRES(w->lock)
{
	for (;;) {
		int64_t next_ms = wake_later(w, clock_mono_ms());
		struct job *job = take(w);
		if (job)
			return job;
		if (w->stopping && w->running == 0)
			return NULL;
		rest(w, next_ms);
	}
}

static void *worker_main(void *arg)
{
	struct workers *w = arg;
	struct job *job;
	lock_take(&w->lock);
	while ((job = next_job(w)) != NULL) {
		bool refresh = job->class == WORK_REFRESH; /* the job may be gone when it has run */
		w->refreshing += refresh;
		w->running++;
		hand_over(w);
		lock_drop(&w->lock);
		job->run(job);
		lock_take(&w->lock);
		w->running--;
		w->refreshing -= refresh;
		if (refresh || w->stopping)
			cond_wake_all(&w->wake);
	}
	lock_drop(&w->lock);
	return NULL;
}

static void threads_join(struct workers *w)
{
	lock_take(&w->lock);
	w->stopping = true;
	cond_wake_all(&w->wake);
	lock_drop(&w->lock);
	for (unsigned i = 0; i < w->count; i++)
		pthread_join(w->thread[i], NULL);
}

/* Signals are the main thread's (and libmilter's) business: workers block them all. */
static unsigned threads_start(struct workers *w, unsigned count)
{
	sigset_t all, before;
	unsigned started = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < count && pthread_create(&w->thread[started], NULL, worker_main, w) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

struct workers *workers_new(unsigned count, struct failure *why)
{
	struct workers *w = calloc(1, sizeof *w);
	pthread_t *thread = calloc(count, sizeof *thread);
	if (!w || !thread)
		abort();
	w->thread = thread;
	lock_init(&w->lock);
	cond_init(&w->wake);
	lock_take(&w->lock);
	for (int i = 0; i < WORK_CLASSES; i++)
		line_init(&w->line[i]);
	queue_init(&w->later);
	w->count = count;
	w->count = threads_start(w, count);
	lock_drop(&w->lock);
	if (w->count == count)
		return w;
	failure_set(why, EX_OSERR,
		"only %u of %u worker threads could be started: lower workers, or raise the limit on threads", w->count,
		count);
	workers_free(&w);
	return NULL;
}

void workers_push(struct workers *w, struct job *job)
{
	lock_take(&w->lock);
	line_add(&w->line[job->class], job);
	cond_wake_one(&w->wake);
	lock_drop(&w->lock);
}

void workers_push_later(struct workers *w, struct job *job, int delay_ms)
{
	lock_take(&w->lock);
	job->not_before_ms = clock_mono_ms() + delay_ms;
	later_add(w, job);
	if (w->watched_until_ms == 0 || w->watched_until_ms > job->not_before_ms)
		cond_wake_one(&w->wake);
	lock_drop(&w->lock);
}

unsigned workers_busy(struct workers *w)
{
	lock_take(&w->lock);
	unsigned running = w->running;
	lock_drop(&w->lock);
	return running;
}

void workers_free(struct workers **workers)
{
	struct workers *w = *workers;
	if (!w)
		return;
	threads_join(w);
	cond_destroy(&w->wake);
	lock_destroy(&w->lock);
	free(w->thread);
	free(w);
	*workers = NULL;
}
