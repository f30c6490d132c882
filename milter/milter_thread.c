#include "milter_thread.h"

#include "log.h"
#include "milter.h"
#include "signals.h"

#include <pthread.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define LIBRARY_MS 5000 /* how long a stop waits for libmilter */
#define QUIESCE_MS 1000 /* how long a stop waits for callbacks that use the check */

static pthread_t thread;
static bool running;

static void *milter_main(void *check)
{
	if (!milter_run(check))
		log_error("milter_socket: libmilter failed; see the mail log for its error");
	/* This event ends the daemon. During a stop nobody reads the event any more. */
	signals_post(SIGNALS_FAILED);
	return NULL;
}

bool milter_thread_start(struct check *check, struct failure *why)
{
	int err = pthread_create(&thread, NULL, milter_main, check);
	running = err == 0;
	if (!running)
		return failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
	return milter_await(why);
}

bool milter_thread_stop(uint32_t grace_ms)
{
	if (!running)
		return true;
	milter_stop(grace_ms);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LIBRARY_MS / 1000;
	if (pthread_timedjoin_np(thread, NULL, &until) != 0)
		log_warning("libmilter did not stop within %d s", LIBRARY_MS / 1000);
	running = false;
	return milter_quiesce(QUIESCE_MS);
}
