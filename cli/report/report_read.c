/* report read: reads the files, and prints what they say together. */
#include "report_read.h"
#include "memory.h"
#include "output.h"
#include "report_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ROOM_MIN 65536

static void file_complain(void *arg, const char *file, const char *what)
{
	struct quote quote;
	(void)arg;
	fprintf(stderr, "stsgate: %s: %s\n", quote_string(&quote, file), what);
}

/* Reads a descriptor to its end, but at most RECEIVED_FILE_MAX octets and one more. Returns memory that the caller frees. Sets
 * `error` to the errno of a failed read, otherwise to 0. */
static char *descriptor_read(int fd, size_t *len, int *error)
{
	size_t room = ROOM_MIN;
	char *bytes = xmalloc(room);
	ssize_t got = 1;
	*len = 0;
	while (got > 0 && *len <= RECEIVED_FILE_MAX) {
		if (*len == room)
			bytes = xrealloc(bytes, room *= 2);
		got = read(fd, bytes + *len, room - *len);
		if (got > 0)
			*len += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	*error = got < 0 ? errno : 0;
	return bytes;
}

/* Returns the exit status. */
static int file_add(struct received_list *list, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0;
	size_t len = 0;
	int error = 0, fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	char *bytes = fd >= 0 ? descriptor_read(fd, &len, &error) : NULL;
	error = fd < 0 ? errno : error;
	int status = STATUS_YES;
	if (error != 0) {
		file_complain(NULL, file, strerror(error));
		status = EX_NOINPUT;
	} else if (len > RECEIVED_FILE_MAX) {
		file_complain(NULL, file, "is larger than 64 MiB: split it");
		status = EX_DATAERR;
	} else if (!received_add(list, file, (struct span){bytes, len})) {
		status = EX_DATAERR;
	}
	free(bytes);
	if (fd > STDIN_FILENO)
		close(fd);
	return status;
}

int report_read(const struct options *options, size_t count, char **words)
{
	struct received_list list = {.complain = file_complain};
	struct failure_groups groups;
	int status = STATUS_YES;
	for (size_t i = 0; i < count; i++)
		status = status_worse(status, file_add(&list, words[i]));
	received_sort(&list);
	failures_merge(&groups, &list);
	if (options->json)
		report_read_print_json(&list, &groups);
	else
		report_read_print(&list, &groups);
	status = status_worse(status, groups.count > 0 ? STATUS_NO : STATUS_YES);
	failures_free(&groups);
	received_free(&list);
	return status;
}
