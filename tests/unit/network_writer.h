/* Writes small network databases with libloc's own writer. */
#ifndef UNIT_NETWORK_WRITER_H
#define UNIT_NETWORK_WRITER_H

#include "network.h"

struct network_row {
	const char *prefix; /* such as 192.0.2.0/24; NULL ends the table */
	uint32_t asn;
	const char *as_name; /* NULL: none */
	const char *country; /* NULL: none */
	bool anycast, hostile;
};
/* Writes the rows to an open file. */
void network_write(FILE *file, const struct network_row *rows);
/* Replaces the file at `path` by renaming, as `location update` does. */
void network_replace(const char *path, const struct network_row *rows);

#endif
