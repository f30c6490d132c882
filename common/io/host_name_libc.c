#include "host_name.h"

#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOBODY "localhost" /* localhost.localdomain and the like are not names of this machine either */
#define CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

/* Only these characters are allowed, because the name is sent in SMTP commands. */
static bool is_plain(const char *name)
{
	return name[0] != '\0' && name[strspn(name, CHARACTERS)] == '\0';
}

/* Returns whether a name has a dot, with something on both sides of it. */
static bool is_whole(const char *name)
{
	const char *dot = strchr(name, '.');
	return dot && dot != name && dot[1] != '\0' && strncasecmp(name, NOBODY ".", sizeof NOBODY) != 0;
}

bool host_name(char out[HOST_NAME_SIZE])
{
	const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int error = gethostname(out, HOST_NAME_SIZE);
	out[HOST_NAME_SIZE - 1] = '\0';
	if (error || !is_plain(out))
		memcpy(out, NOBODY, sizeof NOBODY);
	if (is_whole(out))
		return true;
	if (getaddrinfo(out, NULL, &hints, &found) != 0)
		return false;
	/* Take the canonical name if it is the host name with a domain behind it. */
	const char *canonical = found && found->ai_canonname ? found->ai_canonname : "";
	size_t len = strlen(canonical), host_len = strlen(out);
	bool is_below = strncasecmp(canonical, out, host_len) == 0 && canonical[host_len] == '.';
	if (len > 0 && canonical[len - 1] == '.')
		len--;
	bool is_usable = is_below && is_whole(canonical) && is_plain(canonical) && len < HOST_NAME_SIZE;
	if (is_usable) {
		memcpy(out, canonical, len);
		out[len] = '\0';
	}
	freeaddrinfo(found);
	return is_usable;
}
