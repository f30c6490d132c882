#include "dkim_verify.h"

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERIFY CORPUS_DIR "/../dkim-verify"

int dkim_verify(const char *message, const char *type, const char *public)
{
	char name[] = "dkim-mail-XXXXXX", command[4096];
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, message, strlen(message)), (ssize_t)strlen(message));
	close(fd);
	snprintf(command, sizeof command,
		VERIFY " %s s1._domainkey.relay.example 'v=DKIM1; k=%s; s=tlsrpt; p=%s' 2>/dev/null", name, type,
		public);
	int status = system(command);
	unlink(name);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}
