/* Locks that clang checks (-Wthread-safety) and that never fail: a lock call that errs is a bug, so it aborts. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __clang__
#define LOCK_ATTR(x) __attribute__((x))
#else
#define LOCK_ATTR(x)
#endif
/* Of a struct's member: for readers. clang takes the name of a sibling member in C only from version 20 on, so what it
 * checks is REQUIRES. */
#define GUARDED_BY(l)
/* Of a variable at file scope: checked. */
#define GLOBAL_GUARDED_BY(l) LOCK_ATTR(guarded_by(l))
#define REQUIRES(...) LOCK_ATTR(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) LOCK_ATTR(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...) LOCK_ATTR(acquire_capability(__VA_ARGS__))
#define RELEASES(...) LOCK_ATTR(release_capability(__VA_ARGS__))

struct LOCK_ATTR(capability("mutex")) lock {
	pthread_mutex_t mutex;
};

void lock_init(struct lock *lock);
void lock_destroy(struct lock *lock);
void lock_take(struct lock *lock) ACQUIRES(lock);
void lock_drop(struct lock *lock) RELEASES(lock);

/* A condition variable on the monotonic clock. */
struct signal_cond {
	pthread_cond_t cond;
};
void cond_init(struct signal_cond *cond);
void cond_destroy(struct signal_cond *cond);
void cond_wake_one(struct signal_cond *cond);
void cond_wake_all(struct signal_cond *cond);
void cond_wait(struct signal_cond *cond, struct lock *lock) REQUIRES(lock);
/* False when `deadline_ms` (CLOCK_MONOTONIC milliseconds) has passed. */
bool cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms) REQUIRES(lock);

#endif
