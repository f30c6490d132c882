#include "milter_room.h"

#include "fake_check.h"
#include "milter.h"

#include "cm.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIBRARY_S 5

static char directory[] = "/tmp/milter-test-XXXXXX";
static char place[128];
static struct check *check;
static struct listener listener;
static pthread_t thread;
static int log_fd, stderr_fd;

const char *milter_room_path(void)
{
	return listener.place.path;
}

void milter_room_settings(const char *const *overrides, size_t count)
{
	struct config *config = fake_config((char *const *)overrides, count);
	if (check == NULL)
		check = check_new(&(struct check_options){.config = config}, NULL);
	else
		check_reconfigure(check, config);
	config_unref(&config);
}

void milter_room_log_catch(void)
{
	log_fd = open(directory, O_TMPFILE | O_RDWR | O_APPEND, 0600);
	stderr_fd = dup(STDERR_FILENO);
	assert_int_equal(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
}

char *milter_room_log(void)
{
	struct stat info;
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	assert_int_equal(fstat(log_fd, &info), 0);
	size_t len = (size_t)info.st_size;
	char *text = calloc(1, len + 1);
	assert_non_null(text);
	assert_int_equal(pread(log_fd, text, len, 0), len);
	close(log_fd);
	return text;
}

static void *run(void *arg)
{
	(void)arg;
	return milter_run(check) ? NULL : &check;
}

int milter_room_open(void **state)
{
	(void)state;
	struct failure why;
	struct listener_access access;
	struct stat info;
	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(directory));
	snprintf(place, sizeof place, "unix:%s/milter", directory);
	milter_room_settings(NULL, 0);
	assert_true(listener_access_find(&access, "", 0620, NULL, &why));
	assert_true(listener_init(&listener, "milter_socket", place, &why));
	assert_true(milter_open(&listener, &access, &why));
	assert_int_equal(stat(listener.place.path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0620);
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	assert_true(milter_await(&why));
	return 0;
}

/* Rarely libmilter's pool ends while it holds its lock, and its listener then waits for the lock for ever. Like the
 * daemon, the test goes on without it. */
static void library_leave(void)
{
	void *failed;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LIBRARY_S;
	if (pthread_timedjoin_np(thread, &failed, &until) == 0) {
		assert_null(failed);
		return;
	}
	print_message("libmilter did not stop within %d s\n", LIBRARY_S);
	pthread_detach(thread);
}

int milter_room_close(void **state)
{
	(void)state;
	milter_stop(1000);
	library_leave();
	assert_true(milter_quiesce(10000));
	milter_close();
	assert_int_not_equal(access(listener.place.path, F_OK), 0);
	check_free(&check);
	return rmdir(directory);
}
