/* The machine's own name, with a name service of the test. */
#include "host_name.h"

#include "cm.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *bare, *canonical; /* canonical NULL: the name service finds nothing */

int gethostname(char *name, size_t size)
{
	if (strlen(bare) >= size)
		return -1;
	memcpy(name, bare, strlen(bare) + 1);
	return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	assert_true(strcmp(node, bare) == 0 || strcmp(node, "localhost") == 0);
	assert_null(service);
	assert_true(hints->ai_flags & AI_CANONNAME);
	if (!canonical)
		return EAI_NONAME;
	*found = calloc(1, sizeof **found);
	assert_non_null(*found);
	(*found)->ai_canonname = strdup(canonical);
	return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
	free(found->ai_canonname);
	free(found);
}

static const struct {
	const char *bare, *canonical, *name;
	bool whole;
} rows[] = {
	{"relay.example.com", NULL, "relay.example.com", true},
	{"relay", "relay.example.com", "relay.example.com", true},
	{"relay", "Relay.Example.COM.", "Relay.Example.COM", true},
	{"relay", NULL, "relay", false},
	{"relay", "relay", "relay", false},
	{"relay", "relay.", "relay", false},
	/* an alias: forged DNS must not give this relay another host's name */
	{"relay", "mx1.example.net", "relay", false},
	{"relay", "relay1.example.net", "relay", false},
	/* the name is sent to mail hosts */
	{"relay.example.com\r\nMAIL", NULL, "localhost", false},
	{"relay.exam ple", NULL, "localhost", false},
	{"", NULL, "localhost", false},
	{"relay", "relay.example\r\nMAIL", "relay", false},
	{"localhost", "localhost.localdomain", "localhost", false},
	{"localhost.localdomain", NULL, "localhost.localdomain", false},
};

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[HOST_NAME_SIZE];

		bare = rows[i].bare;
		canonical = rows[i].canonical;
		assert_int_equal(host_name(name), rows[i].whole);
		assert_string_equal(name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows_agree)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
