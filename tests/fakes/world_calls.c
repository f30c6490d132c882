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

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local int views_here; /* store views that this thread has open */
static struct calls {
	struct gate gate[GATES_MAX];
	size_t gate_count;
	char *call[CALLS_MAX];
	unsigned call_count, busy, busy_peak, delay_us;
	enum world_store store;
	unsigned views, views_open;
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

void world_gate_open(const char *calls)
{
	lock_take(&lock);
	for (size_t i = 0; i < w.gate_count; i++)
		if (calls[0] == '\0' || strcmp(w.gate[i].calls, calls) == 0)
			w.gate[i].shut = false;
	pthread_cond_broadcast(&changed);
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

static void gate_wait(const char *call) REQUIRES(lock)
{
	struct timespec deadline = deadline_in(WORLD_GATE_WAIT_MS);
	struct gate *gate;
	int error = 0;
	bool told = false; /* once, or those who wait would wake each other for ever */
	while ((gate = gate_for(call)) && error == 0) {
		gate->waiting++;
		if (!told)
			pthread_cond_broadcast(&changed);
		told = true;
		error = pthread_cond_timedwait(&changed, &lock.mutex, &deadline);
		gate->waiting--;
	}
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

static struct timespec delay_of_call(void) REQUIRES(lock)
{
	return (struct timespec){0, (long)w.delay_us * 1000};
}

void world_call_begin(const char *format, ...)
{
	assert(views_here == 0); /* no transaction is held across a wait */
	char call[WORLD_CALL_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(call, sizeof call, format, args);
	va_end(args);
	lock_take(&lock);
	call_note(call);
	gate_wait(call);
	struct timespec pause = delay_of_call();
	lock_drop(&lock);
	if (pause.tv_nsec)
		nanosleep(&pause, NULL);
}

struct world_call {
	char text[WORLD_CALL_SIZE];
	struct gate *gate; /* that it waits at, counted there */
	bool passed;
};

struct world_call *world_call_start(const char *format, ...)
{
	struct world_call *call = calloc(1, sizeof *call);
	va_list args;
	assert(call && views_here == 0);
	va_start(args, format);
	vsnprintf(call->text, sizeof call->text, format, args);
	va_end(args);
	lock_take(&lock);
	call_note(call->text);
	struct timespec pause = delay_of_call();
	lock_drop(&lock);
	if (pause.tv_nsec)
		nanosleep(&pause, NULL);
	return call;
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

bool world_call_passes(struct world_call *call, int wait_ms)
{
	struct timespec deadline = deadline_in(wait_ms);
	struct gate *gate;
	int error = wait_ms > 0 ? 0 : -1;
	lock_take(&lock);
	while (!call->passed && (gate = gate_for(call->text))) {
		call_move(call, gate);
		if (error)
			break;
		error = pthread_cond_timedwait(&changed, &lock.mutex, &deadline);
	}
	call->passed = call->passed || !gate_for(call->text);
	if (call->passed)
		call_move(call, NULL);
	bool passed = call->passed;
	lock_drop(&lock);
	return passed;
}

void world_call_drop(struct world_call **call)
{
	lock_take(&lock);
	call_move(*call, NULL);
	assert(w.busy > 0);
	w.busy--;
	lock_drop(&lock);
	free(*call);
	*call = NULL;
}

void world_call_end(void)
{
	lock_take(&lock);
	assert(w.busy > 0);
	w.busy--;
	lock_drop(&lock);
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

/* The store's trouble */

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
