#include "network_writer.h"

#include <assert.h>
#include <libloc/writer.h>
#include <stdio.h>

static void row_add(struct loc_writer *writer, const struct network_row *row)
{
	struct loc_network *network = NULL;
	struct loc_as *as = NULL;
	int failed = loc_writer_add_network(writer, &network, row->prefix);
	assert(!failed);
	if (row->asn != 0)
		failed |= loc_network_set_asn(network, row->asn);
	if (row->country)
		failed |= loc_network_set_country_code(network, row->country);
	if (row->anycast)
		failed |= loc_network_set_flag(network, LOC_NETWORK_FLAG_ANYCAST);
	if (row->hostile)
		failed |= loc_network_set_flag(network, LOC_NETWORK_FLAG_DROP);
	loc_network_unref(network);
	if (row->as_name) {
		failed |= loc_writer_add_as(writer, &as, row->asn);
		assert(!failed);
		failed |= loc_as_set_name(as, row->as_name);
		loc_as_unref(as);
	}
	assert(!failed);
}

void network_write(FILE *file, const struct network_row *rows)
{
	struct loc_ctx *context = NULL;
	struct loc_writer *writer = NULL;
	int failed = loc_new(&context);
	assert(!failed);
	failed = loc_writer_new(context, &writer, NULL, NULL);
	assert(!failed);
	failed = loc_writer_set_vendor(writer, "test");
	for (; rows->prefix; rows++)
		row_add(writer, rows);
	failed |= loc_writer_write(writer, file, LOC_DATABASE_VERSION_1);
	assert(!failed);
	loc_writer_unref(writer);
	loc_unref(context);
	fflush(file);
}

void network_replace(const char *path, const struct network_row *rows)
{
	char fresh[4096];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *file = fopen(fresh, "w+");
	assert(file);
	network_write(file, rows);
	int failed = fclose(file);
	failed |= rename(fresh, path);
	assert(!failed);
}
