/* Mutexes and condition variables that clang can check (-Wthread-safety).
 *
 * The functions never fail: an error of a lock call is a bug in this program, so the process aborts. Annotate a function
 * that must be called with a lock held with REQUIRES(lock), where the lock is a parameter or a member of one. */
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
/* For a member of a struct: a note for readers only. clang accepts the name of a sibling member in C only since version
 * 20, so it checks REQUIRES instead. */
#define GUARDED_BY(l)
/* For a variable at file scope: clang checks it. */
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

/* A condition variable that measures time by CLOCK_MONOTONIC. As with POSIX, a wait may end without a wake, so callers
 * check their condition in a loop. */
struct signal_cond {
	pthread_cond_t cond;
};
void cond_init(struct signal_cond *cond);
void cond_destroy(struct signal_cond *cond);
void cond_wake_one(struct signal_cond *cond);
void cond_wake_all(struct signal_cond *cond);
void cond_wait(struct signal_cond *cond, struct lock *lock) REQUIRES(lock);
/* Waits at most until `deadline_ms` (milliseconds of CLOCK_MONOTONIC). Returns false when that time has passed. */
bool cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms) REQUIRES(lock);

#endif
