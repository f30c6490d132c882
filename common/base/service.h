/* The system's table of services (/etc/services, as nsswitch.conf has it). Any thread. */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

/* The TCP port of a service; false when the table has no such name. Reads the table anew each time. */
bool service_port(const char *name, uint16_t *port);

#endif
