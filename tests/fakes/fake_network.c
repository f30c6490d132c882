/* The networks of the fake world, in place of network_libloc.c: by the /24 or /48 of an address. */
#include "network.h"
#include "world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NETWORKS_MAX 64

struct network_db {
	char nothing;
};

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct networks {
	uint64_t key[NETWORKS_MAX];
	struct network network[NETWORKS_MAX];
	size_t count;
	bool gone;
} w GUARDED_BY(lock);

void world_networks_reset(void)
{
	lock_take(&lock);
	memset(&w, 0, sizeof w);
	lock_drop(&lock);
}

void world_network(const struct address *address, const struct network *network)
{
	uint64_t key = address_network(address);
	size_t i = 0;
	lock_take(&lock);
	while (i < w.count && w.key[i] != key)
		i++;
	assert(i < NETWORKS_MAX);
	w.key[i] = key;
	w.network[i] = *network;
	if (i == w.count)
		w.count++;
	lock_drop(&lock);
}

void world_networks_gone(bool gone)
{
	lock_take(&lock);
	w.gone = gone;
	lock_drop(&lock);
}

struct network_db *network_db_open(const char *path)
{
	(void)path;
	return calloc(1, sizeof(struct network_db));
}

void network_db_close(struct network_db **db)
{
	free(*db);
	*db = NULL;
}

bool network_of(struct network_db *db, const struct address *address, struct network *out)
{
	uint64_t key = address_network(address);
	bool found = false;
	memset(out, 0, sizeof *out);
	if (!db)
		return false;
	lock_take(&lock);
	for (size_t i = 0; i < w.count && !found && !w.gone; i++) {
		found = w.key[i] == key;
		if (found)
			*out = w.network[i];
	}
	lock_drop(&lock);
	return found;
}

void network_as_name(struct network_db *db, uint32_t asn, char out[NETWORK_NAME_SIZE])
{
	out[0] = '\0';
	if (!db)
		return;
	lock_take(&lock);
	for (size_t i = 0; i < w.count && !w.gone; i++)
		if (w.network[i].asn == asn && asn != 0)
			memcpy(out, w.network[i].as_name, NETWORK_NAME_SIZE);
	lock_drop(&lock);
}
