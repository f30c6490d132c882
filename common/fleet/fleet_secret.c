#include "fleet_secret.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Opens the file. A FIFO or a device must not make the caller wait. */
static int secret_open(const char *path, struct failure *why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		failure_set(why, EX_NOINPUT, "%s cannot be read: %s; the daemon's user must be able to read it", path,
			strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FLEET_SECRET_MAX)
		failure_set(why, EX_CONFIG, "%s is not a regular file of at most %d octets", path, FLEET_SECRET_MAX);
	else if (st.st_mode & S_IRWXO)
		failure_set(
			why, EX_NOPERM, "%s has a secret, but every user has rights to it: chmod o= %s", path, path);
	else
		return fd;
	close(fd);
	return -1;
}

char *fleet_secret_read(const char *path, struct failure *why)
{
	int fd = secret_open(path, why);
	if (fd < 0)
		return NULL;
	char *text = xcalloc(1, FLEET_SECRET_MAX + 1);
	ssize_t got = 0;
	size_t len = 0;
	while (len < FLEET_SECRET_MAX && (got = read(fd, text + len, FLEET_SECRET_MAX - len)) > 0)
		len += (size_t)got;
	int err = errno;
	close(fd);
	if (got >= 0 && strlen(text) == len)
		return text;
	if (got < 0)
		failure_set(why, EX_NOINPUT, "%s cannot be read: %s", path, strerror(err));
	else
		failure_set(why, EX_CONFIG, "%s is not a text: it has an octet of value 0", path);
	fleet_secret_free(&text);
	return NULL;
}

void fleet_secret_free(char **text)
{
	if (!*text)
		return;
	OPENSSL_cleanse(*text, FLEET_SECRET_MAX + 1);
	free(*text);
	*text = NULL;
}
