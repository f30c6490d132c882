/* The check of a libloc database, before libloc maps it.
 *
 * The file begins with `LOCDBXX`, a version octet and a header of big-endian numbers, which places five sections: the
 * names, the autonomous systems, the tree of address bits, the networks and the countries. A node of the tree has the
 * indexes of two other nodes (0: none) and of a network. libloc follows these indexes with recursion and adds the offsets
 * of names to an address, so each one must be proved harmless. Its writer places each node before the nodes below it. */
#include "network.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "memory.h"

#define FILE_VERSION 1
#define FILE_MAX (INT64_C(1) << 30)
#define HEADER_SIZE 60 /* octets before the lengths of the signatures, without the magic word */
#define ADDRESS_BITS 128
#define AS_SIZE 8
#define NODE_SIZE 12
#define NETWORK_SIZE 12
#define COUNTRY_SIZE 8
#define NODES_AT_ONCE 4096

struct section {
	int64_t offset, len;
};

static uint32_t number(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool wrong(struct failure *why, const char *what)
{
	return failure_set(why, EX_DATAERR, "%s", what);
}

static bool go_to(FILE *file, int64_t offset)
{
	return fseeko(file, (off_t)offset, SEEK_SET) == 0;
}

static bool section_take(struct section *section, const uint8_t *at, size_t record, int64_t size)
{
	*section = (struct section){number(at), number(at + 4)};
	return section->len % (int64_t)record == 0 && section->offset + section->len <= size;
}

/* The last name must end inside the section. */
static bool names_check(FILE *file, const struct section *names, struct failure *why)
{
	if (names->len > 0 && go_to(file, names->offset + names->len - 1) && fgetc(file) == '\0')
		return true;
	return wrong(why, "the last name in it is cut off");
}

static bool systems_check(FILE *file, const struct section *systems, const struct section *names, struct failure *why)
{
	uint8_t record[AS_SIZE];
	bool read = go_to(file, systems->offset);
	for (int64_t left = systems->len; read && left > 0; left -= AS_SIZE) {
		read = fread(record, sizeof record, 1, file) == 1;
		if (read && number(record + 4) >= names->len)
			return wrong(why, "the name of an autonomous system lies outside of it");
	}
	return read || wrong(why, "it cannot be read to its end");
}

/* Notes that a node at `depth` leads to the node `to`. Returns false if libloc might follow it without end. */
static bool branch_note(uint8_t *depth, size_t count, size_t from, uint32_t to)
{
	if (to == 0)
		return true;
	if (to <= from || to >= count || depth[from] >= ADDRESS_BITS)
		return false;
	if (depth[to] <= depth[from])
		depth[to] = (uint8_t)(depth[from] + 1);
	return true;
}

static bool tree_walk(FILE *file, size_t count, uint8_t *depth, size_t networks, struct failure *why)
{
	static const uint8_t no_network[4] = {255, 255, 255, 255};
	uint8_t *nodes = xmalloc(NODES_AT_ONCE * NODE_SIZE);
	bool sound = true, read = true;
	for (size_t i = 0; sound && read && i < count; i++) {
		const uint8_t *node = nodes + i % NODES_AT_ONCE * NODE_SIZE;
		size_t left = count - i, more = left < NODES_AT_ONCE ? left : NODES_AT_ONCE;
		if (i % NODES_AT_ONCE == 0)
			read = fread(nodes, NODE_SIZE, more, file) == more;
		sound = read && branch_note(depth, count, i, number(node)) &&
			branch_note(depth, count, i, number(node + 4)) &&
			(memcmp(node + 8, no_network, sizeof no_network) == 0 || number(node + 8) < networks);
	}
	free(nodes);
	if (!read)
		return wrong(why, "it cannot be read to its end");
	return sound || wrong(why, "the tree of networks in it is damaged");
}

static bool tree_check(FILE *file, const struct section *tree, size_t networks, struct failure *why)
{
	size_t count = (size_t)tree->len / NODE_SIZE;
	if (count == 0 || !go_to(file, tree->offset))
		return wrong(why, "it has no networks");
	uint8_t *depth = xcalloc(count, 1);
	bool sound = tree_walk(file, count, depth, networks, why);
	free(depth);
	return sound;
}

bool network_file_check(FILE *file, int64_t size, struct failure *why)
{
	static const uint8_t magic[8] = {'L', 'O', 'C', 'D', 'B', 'X', 'X', FILE_VERSION};
	uint8_t head[sizeof magic + HEADER_SIZE];
	struct section systems, networks, tree, countries, names;
	const uint8_t *at = head + sizeof magic + 20; /* behind the date and the offsets of three texts */
	if (size > FILE_MAX || !go_to(file, 0) || fread(head, sizeof head, 1, file) != 1 ||
		memcmp(head, magic, sizeof magic - 1) != 0)
		return wrong(why, "it is no database of libloc");
	if (head[sizeof magic - 1] != FILE_VERSION)
		return wrong(why, "it is a database of a version that is not known here");
	if (!section_take(&systems, at, AS_SIZE, size) || !section_take(&networks, at + 8, NETWORK_SIZE, size) ||
		!section_take(&tree, at + 16, NODE_SIZE, size) ||
		!section_take(&countries, at + 24, COUNTRY_SIZE, size) || !section_take(&names, at + 32, 1, size))
		return wrong(why, "it is cut off");
	return names_check(file, &names, why) && systems_check(file, &systems, &names, why) &&
	       tree_check(file, &tree, (size_t)networks.len / NETWORK_SIZE, why);
}
