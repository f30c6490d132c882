/* In a build without libloc every network is unknown. */
#include "network.h"

#include "log.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct network_db {
	char nothing;
};

struct network_db *network_db_open(const char *path)
{
	if (path[0] != '\0' && strcmp(path, NETWORK_DB_USUAL) != 0)
		log_warning("network_db: %s is not used, because this stsgate was built without libloc", path);
	return xcalloc(1, sizeof(struct network_db));
}

void network_db_close(struct network_db **db)
{
	free(*db);
	*db = NULL;
}

bool network_of(struct network_db *db, const struct address *address, struct network *out)
{
	(void)db, (void)address;
	memset(out, 0, sizeof *out);
	return false;
}

void network_as_name(struct network_db *db, uint32_t asn, char out[NETWORK_NAME_SIZE])
{
	(void)db, (void)asn;
	out[0] = '\0';
}
