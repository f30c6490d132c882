#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static int ready_fd = -1;

void background_descriptors(unsigned kept)
{
	int null;
	do
		null = open("/dev/null", O_RDWR);
	while (null >= 0 && null <= STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	close_range(STDERR_FILENO + 1 + kept, UINT_MAX, 0);
}

bool background_enter(struct failure *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return failure_set(why, EX_OSERR, "cannot make a pipe: %s", strerror(errno));
	pid_t child = fork();
	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return failure_set(why, EX_OSERR, "cannot start the background process: %s", strerror(errno));
	}
	if (child > 0) {
		/* The parent waits for the child's byte (it is ready) or for its end, and exits. */
		close(ends[1]);
		char ready;
		ssize_t got;
		int status = 0;
		while ((got = read(ends[0], &ready, 1)) < 0 && errno == EINTR)
			continue;
		if (got == 1)
			_exit(EX_OK);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			continue;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
	}
	close(ends[0]);
	ready_fd = ends[1];
	setsid();
	return chdir("/") == 0 || failure_set(why, EX_OSERR, "cannot change the directory to /: %s", strerror(errno));
}

void background_ready(void)
{
	if (ready_fd < 0)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		for (int fd = 0; fd <= 2; fd++)
			dup2(null, fd);
		if (null > 2)
			close(null);
	}
	while (write(ready_fd, "", 1) < 0 && errno == EINTR)
		continue;
	close(ready_fd);
	ready_fd = -1;
}
