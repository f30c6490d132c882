#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>

#define LINE_SIZE 4096 /* octets for one service and its aliases */

bool service_port(const char *name, uint16_t *port)
{
	struct servent entry, *found = NULL;
	char line[LINE_SIZE];
	int error;
	do {
		error = getservbyname_r(name, "tcp", &entry, line, sizeof line, &found);
	} while (error == EINTR);
	if (error != 0 || found == NULL)
		return false;
	*port = ntohs((uint16_t)found->s_port);
	return *port != 0;
}
