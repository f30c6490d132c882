#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* These bodies implement the annotations, so clang must not check them. */
#define UNCHECKED LOCK_ATTR(no_thread_safety_analysis)

static void must(int error)
{
	if (error)
		abort();
}

void lock_init(struct lock *lock)
{
	must(pthread_mutex_init(&lock->mutex, NULL));
}

void lock_destroy(struct lock *lock)
{
	must(pthread_mutex_destroy(&lock->mutex));
}

UNCHECKED void lock_take(struct lock *lock)
{
	must(pthread_mutex_lock(&lock->mutex));
}

UNCHECKED void lock_drop(struct lock *lock)
{
	must(pthread_mutex_unlock(&lock->mutex));
}

void cond_init(struct signal_cond *cond)
{
	pthread_condattr_t attributes;
	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&cond->cond, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

void cond_destroy(struct signal_cond *cond)
{
	must(pthread_cond_destroy(&cond->cond));
}

void cond_wake_one(struct signal_cond *cond)
{
	must(pthread_cond_signal(&cond->cond));
}

void cond_wake_all(struct signal_cond *cond)
{
	must(pthread_cond_broadcast(&cond->cond));
}

void cond_wait(struct signal_cond *cond, struct lock *lock)
{
	must(pthread_cond_wait(&cond->cond, &lock->mutex));
}

bool cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms)
{
	struct timespec deadline = {0};
	if (deadline_ms > 0) {
		deadline.tv_sec = (time_t)(deadline_ms / 1000);
		deadline.tv_nsec = (long)(deadline_ms % 1000) * 1000000;
	}
	int error = pthread_cond_timedwait(&cond->cond, &lock->mutex, &deadline);
	if (error == ETIMEDOUT)
		return false;
	must(error);
	return true;
}
