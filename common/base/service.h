/* The system's table of services: /etc/services, or another source that nsswitch.conf names. Any thread. */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

/* Finds the TCP port of a service. Returns false if the table has no such name. Reads the table on each call. */
bool service_port(const char *name, uint16_t *port);

#endif
