#include "clock.h"
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GATES_MAX 16
#define CALLS_MAX 262144

struct gate {
	char calls[WORLD_CALL_SIZE];
	unsigned waiting;
	bool shut;
};

/* A call in progress. Its loop's thread owns it; gates and clock wake it by a task. */
struct world_call {
	struct loop_task task; /* first */
	struct loop *loop;
	struct wake wake;
	struct loop_timer *timer;
	char text[WORLD_CALL_SIZE];
	int64_t from_ms, deadline_ms; /* passes no sooner; fails then */
	struct world_call *next;      /* of those that have not passed */
	struct gate *gate;            /* that it waits at, counted there */
	bool passed, posted, dropped;
};

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local int views_here; /* store views that this thread has open */
static struct calls {
	struct gate gate[GATES_MAX];
	size_t gate_count;
	char *call[CALLS_MAX];
	unsigned call_count, busy, busy_peak, delay_us;
	struct world_call *waiting;
	enum world_store store;
	unsigned views, views_open, prefetches;
} w GUARDED_BY(lock);

void world_calls_reset(void)
{
	lock_take(&lock);
	assert(w.busy == 0);
	for (unsigned i = 0; i < w.call_count; i++)
		free(w.call[i]);
	memset(&w, 0, sizeof w);
	lock_drop(&lock);
}

/* Gates and the log of calls */

static bool call_begins(const char *call, const char *beginning)
{
	size_t len = strlen(beginning);
	return strncmp(call, beginning, len) == 0 &&
	       (len == 0 || call[len] == '\0' || call[len] == ' ' || call[len] == ':');
}

void world_gate_shut(const char *calls)
{
	lock_take(&lock);
	assert(w.gate_count < GATES_MAX);
	struct gate *gate = &w.gate[w.gate_count++];
	snprintf(gate->calls, sizeof gate->calls, "%s", calls);
	gate->shut = true;
	gate->waiting = 0;
	lock_drop(&lock);
}

/* Makes all waiting calls check again. */
static void calls_wake(void) REQUIRES(lock)
{
	for (struct world_call *call = w.waiting; call; call = call->next) {
		if (call->posted || call->dropped)
			continue;
		call->posted = true;
		loop_post(call->loop, &call->task);
	}
}

void world_calls_look(void)
{
	lock_take(&lock);
	calls_wake();
	lock_drop(&lock);
}

void world_gate_open(const char *calls)
{
	lock_take(&lock);
	for (size_t i = 0; i < w.gate_count; i++)
		if (calls[0] == '\0' || strcmp(w.gate[i].calls, calls) == 0)
			w.gate[i].shut = false;
	calls_wake();
	lock_drop(&lock);
}

static struct timespec deadline_in(int ms)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

static unsigned gate_waiting(const char *calls) REQUIRES(lock)
{
	unsigned waiting = 0;
	for (size_t i = 0; i < w.gate_count; i++)
		if (strcmp(w.gate[i].calls, calls) == 0)
			waiting += w.gate[i].waiting;
	return waiting;
}

bool world_gate_await(const char *calls, unsigned waiting, int timeout_ms)
{
	struct timespec deadline = deadline_in(timeout_ms);
	int error = 0;
	lock_take(&lock);
	while (gate_waiting(calls) < waiting && error == 0)
		error = pthread_cond_timedwait(&changed, &lock.mutex, &deadline);
	bool reached = gate_waiting(calls) >= waiting;
	lock_drop(&lock);
	return reached;
}

static struct gate *gate_for(const char *call) REQUIRES(lock)
{
	for (size_t i = 0; i < w.gate_count; i++)
		if (w.gate[i].shut && call_begins(call, w.gate[i].calls))
			return &w.gate[i];
	return NULL;
}

static void call_note(const char *call) REQUIRES(lock)
{
	if (w.call_count < CALLS_MAX) {
		char *copy = strdup(call);
		assert(copy);
		w.call[w.call_count++] = copy;
	}
	if (++w.busy > w.busy_peak)
		w.busy_peak = w.busy;
}

static void call_move(struct world_call *call, struct gate *gate) REQUIRES(lock)
{
	if (call->gate == gate)
		return;
	if (call->gate)
		call->gate->waiting--;
	if (gate) {
		gate->waiting++;
		pthread_cond_broadcast(&changed);
	}
	call->gate = gate;
}

static void call_unlist(struct world_call *call) REQUIRES(lock)
{
	for (struct world_call **at = &w.waiting; *at; at = &(*at)->next)
		if (*at == call) {
			*at = call->next;
			return;
		}
}

/* True if the call has passed, now or before. */
static bool call_passes(struct world_call *call) REQUIRES(lock)
{
	if (call->passed)
		return true;
	call_move(call, gate_for(call->text));
	call->passed = !call->gate && clock_mono_ms() >= call->from_ms;
	if (call->passed)
		call_unlist(call);
	return call->passed;
}

static void call_look(struct world_call *call)
{
	lock_take(&lock);
	bool over = call_passes(call) || clock_mono_ms() >= call->deadline_ms;
	int64_t next_ms = call->gate ? call->deadline_ms : call->from_ms;
	lock_drop(&lock);
	if (over)
		call->wake.call(call->wake.arg);
	else
		loop_timer_set(call->timer, next_ms - clock_mono_ms());
}

static void call_free(struct world_call *call)
{
	loop_timer_free(&call->timer);
	free(call);
}

static void call_woken(struct loop_task *task)
{
	struct world_call *call = (struct world_call *)task;
	lock_take(&lock);
	call->posted = false;
	bool dropped = call->dropped;
	lock_drop(&lock);
	if (dropped)
		call_free(call);
	else
		call_look(call);
}

static void call_timed(void *arg)
{
	call_look(arg);
}

struct world_call *world_call_start(struct loop *loop, int timeout_ms, struct wake wake, const char *format, ...)
{
	struct world_call *call = calloc(1, sizeof *call);
	va_list args;
	assert(call && views_here == 0 && timeout_ms > 0 && loop_is_mine(loop));
	call->task.run = call_woken;
	call->loop = loop;
	call->wake = wake;
	call->timer = loop_timer_new(loop, call_timed, call);
	va_start(args, format);
	vsnprintf(call->text, sizeof call->text, format, args);
	va_end(args);
	lock_take(&lock);
	call_note(call->text);
	call->from_ms = clock_mono_ms() + (w.delay_us + 999) / 1000;
	call->deadline_ms = clock_mono_ms() + timeout_ms;
	call->next = w.waiting;
	w.waiting = call;
	bool passes = call_passes(call);
	int64_t next_ms = call->gate ? call->deadline_ms : call->from_ms;
	lock_drop(&lock);
	if (!passes)
		loop_timer_set(call->timer, next_ms - clock_mono_ms());
	return call;
}

bool world_call_passes(struct world_call *call)
{
	lock_take(&lock);
	bool passes = call_passes(call);
	lock_drop(&lock);
	return passes;
}

bool world_call_is_late(const struct world_call *call)
{
	return clock_mono_ms() >= call->deadline_ms;
}

void world_call_drop(struct world_call **slot)
{
	struct world_call *call = *slot;
	if (!call)
		return;
	lock_take(&lock);
	call_move(call, NULL);
	if (!call->passed)
		call_unlist(call);
	assert(w.busy > 0);
	w.busy--;
	call->dropped = true;
	bool posted = call->posted;
	lock_drop(&lock);
	loop_timer_stop(call->timer);
	if (!posted)
		call_free(call);
	*slot = NULL;
}

unsigned world_count(const char *calls)
{
	unsigned count = 0;
	lock_take(&lock);
	for (unsigned i = 0; i < w.call_count; i++)
		count += call_begins(w.call[i], calls);
	lock_drop(&lock);
	return count;
}

unsigned world_calls(void)
{
	lock_take(&lock);
	unsigned count = w.call_count;
	lock_drop(&lock);
	return count;
}

void world_prefetch_note(const char *name, enum dns_type type)
{
	assert(name[0] != '\0' && type == DNS_MX);
	lock_take(&lock);
	w.prefetches++;
	lock_drop(&lock);
}

unsigned world_prefetches(void)
{
	lock_take(&lock);
	unsigned prefetches = w.prefetches;
	lock_drop(&lock);
	return prefetches;
}

unsigned world_busy(void)
{
	lock_take(&lock);
	unsigned busy = w.busy;
	lock_drop(&lock);
	return busy;
}

unsigned world_busy_peak(void)
{
	lock_take(&lock);
	unsigned peak = w.busy_peak;
	lock_drop(&lock);
	return peak;
}

char *world_log(unsigned from)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);
	assert(out);
	lock_take(&lock);
	for (unsigned i = from; i < w.call_count; i++)
		fprintf(out, "%s\n", w.call[i]);
	lock_drop(&lock);
	fclose(out);
	return bytes;
}

void world_delay(unsigned microseconds)
{
	lock_take(&lock);
	w.delay_us = microseconds;
	lock_drop(&lock);
}

/* Failures of the store */

void world_store(enum world_store state)
{
	lock_take(&lock);
	w.store = state;
	lock_drop(&lock);
}

enum world_store world_store_state(void)
{
	lock_take(&lock);
	enum world_store state = w.store;
	lock_drop(&lock);
	return state;
}

void world_view_count(int by)
{
	views_here += by;
	lock_take(&lock);
	w.views += by > 0;
	w.views_open += (unsigned)by;
	lock_drop(&lock);
}

unsigned world_views(void)
{
	lock_take(&lock);
	unsigned views = w.views;
	lock_drop(&lock);
	return views;
}

unsigned world_views_open(void)
{
	lock_take(&lock);
	unsigned views = w.views_open;
	lock_drop(&lock);
	return views;
}
