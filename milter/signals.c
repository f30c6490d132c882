#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int ends[2] = {-1, -1};

void signals_post(enum signals_event event)
{
	int saved = errno;
	char letter = (char)event;
	/* If the pipe is full, the event is dropped: many events are waiting already. */
	while (write(ends[1], &letter, 1) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

static void on_signal(int number)
{
	if (number == SIGUSR1)
		signals_post(SIGNALS_RELOAD);
	else
		signals_post(number == SIGHUP ? SIGNALS_HANGUP : SIGNALS_STOP);
}

static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

bool signals_open(struct failure *why)
{
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return failure_set(why, EX_OSERR, "cannot make a pipe: %s", strerror(errno));
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_NODEFER};
	for (size_t i = 0; i < NUMBERS; i++)
		sigaction(numbers[i], &action, NULL);
	return true;
}

void signals_take(void)
{
	sigset_t none;
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

bool signals_stopping(void)
{
	sigset_t pending;
	sigpending(&pending);
	return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

enum signals_event signals_next(int wait_ms)
{
	char letter;
	struct pollfd readable = {.fd = ends[0], .events = POLLIN};
	/* Wait in poll(), not in read(): with SA_RESTART, a signal interrupts poll() but not read(). ThreadSanitizer
	 * needs the interruption, because it runs a handler only after the system call has returned. */
	poll(&readable, 1, wait_ms);
	if (read(ends[0], &letter, 1) != 1)
		return SIGNALS_NONE;
	switch (letter) {
	case SIGNALS_RELOAD:
		return SIGNALS_RELOAD;
	case SIGNALS_HANGUP:
		return SIGNALS_HANGUP;
	case SIGNALS_FAILED:
		return SIGNALS_FAILED;
	default:
		return SIGNALS_STOP;
	}
}
