/* The database of networks: what it says about addresses, how it is replaced, and files that are damaged. The
 * databases are written by libloc itself; none has to be installed. */
#include "cm.h"
#include "fake_log.h"
#include "network_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char room[] = "/tmp/test_network.XXXXXX";
static char path[64];

/* libloc 0.9.18 finds a network only if the first bit behind its prefix leads to no other network, or to the right one. */
static const struct network_row usual[] = {
	{"192.0.2.0/24", 64500, "Example One", "DE", false, false},
	{"192.0.2.128/25", 64501, "Example Two", "FR", false, false},
	{"198.51.100.0/24", 64502, NULL, NULL, true, false},
	{"203.0.113.7/32", 64503, "Bad \"Place\"\n\x1b[2J", "US", false, true},
	{"100.64.0.0/10", 0, NULL, "AT", false, false},
	{"2001:db8::/32", 64500, "Example One", "NL", false, false},
	{"2001:db8:8000::/33", 64501, "Example Two", "FR", false, false},
	{.prefix = NULL},
};
static const struct network_row other[] = {
	{"192.0.2.0/24", 64999, "New Owner", "US", false, false},
	{.prefix = NULL},
};

/* The clock that decides when the file is looked at. */
static int64_t mono_ms = 1000;
int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void)
{
	return mono_ms;
}

static struct network look(struct network_db *db, const char *text)
{
	struct address address;
	struct network network;
	assert_true(address_parse(&address, text));
	network_of(db, &address, &network);
	return network;
}

static void bytes_write(const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

/* Returns whether the database was complained about since fake_log_forget(). */
static bool complained(void)
{
	char lines[FAKE_LOG_SIZE];
	fake_log_copy(lines);
	return strstr(lines, "warning: network_db: ");
}

/* --- lookups ------------------------------------------------------------------------------------------------------ */

static void test_lookups(void **state)
{
	static const struct {
		const char *address;
		struct network network;
	} rows[] = {
		{"192.0.2.1", {64500, "Example One", "DE", false, false}},
		{"192.0.2.127", {64500, "Example One", "DE", false, false}},
		{"192.0.2.128", {64501, "Example Two", "FR", false, false}},
		{"198.51.100.1", {64502, "", "", true, false}},
		{"203.0.113.7", {64503, "Bad \"Place\"\n\x1b[2J", "US", false, true}},
		{"203.0.113.8", {0, "", "", false, false}},
		{"100.64.0.1", {0, "", "AT", false, false}},
		{"8.8.8.8", {0, "", "", false, false}},
		{"2001:db8::1", {64500, "Example One", "NL", false, false}},
		{"2001:db8:8000::1", {64501, "Example Two", "FR", false, false}},
		{"2001:db9::1", {0, "", "", false, false}},
		{"::ffff:192.0.2.1", {64500, "Example One", "DE", false, false}},
		{"::", {0, "", "", false, false}},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", {0, "", "", false, false}},
		{"0.0.0.0", {0, "", "", false, false}},
		{"255.255.255.255", {0, "", "", false, false}},
	};
	char name[NETWORK_NAME_SIZE];
	(void)state;
	network_replace(path, usual);
	struct network_db *db = network_db_open(path);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct network network = look(db, rows[i].address);
		const struct network *expected = &rows[i].network;
		if (network.asn != expected->asn || strcmp(network.as_name, expected->as_name) != 0 ||
			strcmp(network.country, expected->country) != 0 || network.anycast != expected->anycast ||
			network.hostile != expected->hostile)
			fail_msg("%s: AS%u %s %s", rows[i].address, network.asn, network.as_name, network.country);
	}
	network_as_name(db, 64501, name);
	assert_string_equal(name, "Example Two");
	network_as_name(db, 64502, name);
	assert_string_equal(name, "");
	network_as_name(db, 0, name);
	assert_string_equal(name, "");
	network_db_close(&db);
	assert_null(db);
}

static void test_a_long_name_is_cut(void **state)
{
	char longest[300];
	struct network_row rows[] = {{"192.0.2.0/24", 64500, longest, "DE", false, false}, {.prefix = NULL}};
	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	network_replace(path, rows);
	struct network_db *db = network_db_open(path);
	assert_int_equal(strlen(look(db, "192.0.2.1").as_name), NETWORK_NAME_SIZE - 1);
	network_db_close(&db);
}

/* --- absent, damaged, replaced ------------------------------------------------------------------------------------ */

static void test_without_a_database(void **state)
{
	char name[NETWORK_NAME_SIZE];
	(void)state;
	unlink(path);
	struct network_db *db = network_db_open("");
	assert_int_equal(look(db, "192.0.2.1").asn, 0);
	network_db_close(&db);
	assert_int_equal(look(NULL, "192.0.2.1").asn, 0);
	network_as_name(NULL, 64500, name);
	assert_string_equal(name, "");
	fake_log_forget();
	db = network_db_open(path); /* the operator has named it, so its absence is worth a line */
	assert_true(complained());
	assert_int_equal(look(db, "192.0.2.1").asn, 0);
	network_db_close(&db);
}

static void test_not_a_file(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	struct network_db *db = network_db_open(path); /* does not wait for a writer */
	assert_int_equal(look(db, "192.0.2.1").asn, 0);
	network_db_close(&db);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	db = network_db_open(path);
	assert_int_equal(look(db, "192.0.2.1").asn, 0);
	network_db_close(&db);
	rmdir(path);
}

static void test_a_new_file_is_opened_after_a_while(void **state)
{
	(void)state;
	network_replace(path, usual);
	struct network_db *db = network_db_open(path);
	network_replace(path, other);
	assert_int_equal(look(db, "192.0.2.1").asn, 64500); /* not looked at yet: the old file is still mapped */
	mono_ms += NETWORK_LOOK_S * 1000;
	assert_int_equal(look(db, "192.0.2.1").asn, 64999);
	assert_int_equal(look(db, "2001:db8::1").asn, 0);
	unlink(path);
	mono_ms += NETWORK_LOOK_S * 1000;
	assert_int_equal(look(db, "192.0.2.1").asn, 64999); /* a removed file leaves the old data */
	network_replace(path, usual);
	mono_ms += NETWORK_LOOK_S * 1000;
	assert_int_equal(look(db, "192.0.2.1").asn, 64500);
	network_db_close(&db);
}

static void test_a_damaged_file_is_logged_once(void **state)
{
	(void)state;
	network_replace(path, usual);
	struct network_db *db = network_db_open(path);
	unlink(path);
	bytes_write("no database", 11);
	fake_log_forget();
	mono_ms += NETWORK_LOOK_S * 1000;
	assert_int_equal(look(db, "192.0.2.1").asn, 64500);
	assert_true(complained());
	fake_log_forget();
	mono_ms += NETWORK_LOOK_S * 1000;
	assert_int_equal(look(db, "192.0.2.1").asn, 64500);
	assert_false(complained());
	network_db_close(&db);
}

/* Somebody cuts the file off in place: touching the mapped pages would end the process. */
static void test_a_file_that_is_cut_off_in_use(void **state)
{
	(void)state;
	network_replace(path, usual);
	struct network_db *db = network_db_open(path);
	assert_int_equal(look(db, "192.0.2.1").asn, 64500);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(look(db, "192.0.2.1").asn, 0);
	network_db_close(&db);
}

/* --- hostile files ------------------------------------------------------------------------------------------------ */

struct image {
	uint8_t bytes[128 * 1024];
	size_t len;
};

static void image_make(struct image *image)
{
	network_replace(path, usual);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	image->len = fread(image->bytes, 1, sizeof image->bytes, file);
	fclose(file);
	assert_true(image->len > 0 && image->len < sizeof image->bytes);
}

/* Opens the bytes, and asks for some addresses. Returns whether they were accepted. */
static bool image_try(const uint8_t *bytes, size_t len)
{
	static const char *const addresses[] = {"192.0.2.1", "192.0.2.200", "203.0.113.7", "0.0.0.0", "255.255.255.255",
		"2001:db8::1", "2001:db8:8000::1", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	unlink(path);
	bytes_write(bytes, len);
	fake_log_forget();
	struct network_db *db = network_db_open(path);
	bool accepted = !complained();
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		look(db, addresses[i]);
	network_db_close(&db);
	return accepted;
}

static void test_a_file_cut_off_anywhere(void **state)
{
	static struct image image;
	(void)state;
	image_make(&image);
	assert_true(image_try(image.bytes, image.len));
	for (size_t len = 0; len < image.len; len += len < 128 || image.len - len < 64 ? 1 : 97)
		if (image_try(image.bytes, len))
			fail_msg("accepted with %zu of %zu octets", len, image.len);
}

static size_t image_number(const struct image *image, size_t at)
{
	const uint8_t *b = image->bytes + at;
	return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

static void image_set(struct image *image, size_t at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		image->bytes[at + (size_t)i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Offsets in the header, behind the magic word. */
enum { AT_SYSTEMS = 28, AT_NETWORKS = 36, AT_TREE = 44, AT_COUNTRIES = 52, AT_NAMES = 60 };

static void test_hostile_numbers(void **state)
{
	static struct image good, image;
	(void)state;
	image_make(&good);
	size_t tree = image_number(&good, AT_TREE), systems = image_number(&good, AT_SYSTEMS);
	size_t names = image_number(&good, AT_NAMES), names_len = image_number(&good, AT_NAMES + 4);
	const struct {
		const char *what;
		size_t at;
		uint32_t value;
	} rows[] = {
		{"another magic word", 0, 0x4c4f4300},
		{"another version", 4, 0x42585802},
		{"systems outside", AT_SYSTEMS, 0xfffff000},
		{"systems too long", AT_SYSTEMS + 4, 0x10000000},
		{"systems cut", AT_SYSTEMS + 4, 9},
		{"networks too long", AT_NETWORKS + 4, 0x0c000000},
		{"no networks for the tree", AT_NETWORKS + 4, 0},
		{"tree outside", AT_TREE, 0x7ffff000},
		{"tree too long", AT_TREE + 4, 0x0c000000},
		{"tree empty", AT_TREE + 4, 0},
		{"countries too long", AT_COUNTRIES + 4, 0x08000000},
		{"names too long", AT_NAMES + 4, 0x7fffffff},
		{"names empty", AT_NAMES + 4, 0},
		{"names without an end", AT_NAMES + 4, (uint32_t)names_len - 1},
		{"a name outside", systems + 4, (uint32_t)names_len},
		{"a name far outside", systems + 4, 0xffffffff},
		{"the tree leads back", tree + 12, 1},
		{"the tree leads to the root's own index", tree + 24, 2},
		{"the tree leads outside", tree, 0x00ffffff},
		{"a network outside", tree + 8, 0x00ffffff},
	};
	(void)names;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		image = good;
		image_set(&image, rows[i].at, rows[i].value);
		if (image_try(image.bytes, image.len))
			fail_msg("accepted: %s", rows[i].what);
	}
}

/* A tree that is deeper than an address is long: libloc would read and write behind the address. */
static void test_a_tree_without_a_floor(void **state)
{
	static struct image image;
	(void)state;
	image_make(&image);
	size_t tree = image_number(&image, AT_TREE), len = (image.len + 4095) / 4096 * 4096;
	assert_true(len + 12 * 400 < sizeof image.bytes);
	for (uint32_t depth = 128; depth <= 200; depth += 72) {
		memset(image.bytes + len, 0, 12 * 400);
		for (uint32_t i = 0; i <= depth; i++) {
			size_t node = len + 12 * (size_t)i;
			image_set(&image, node, i < depth ? i + 1 : 0);
			image_set(&image, node + 4, i < depth ? i + 1 : 0);
			image_set(&image, node + 8, i < depth ? 0xffffffff : 0);
		}
		image_set(&image, AT_TREE, (uint32_t)len);
		image_set(&image, AT_TREE + 4, 12 * (depth + 1));
		assert_int_equal(image_try(image.bytes, len + 12 * (size_t)(depth + 1)), depth == 128);
	}
	(void)tree;
}

/* Octets changed at random: whatever is accepted must not end the process. */
static void test_random_damage(void **state)
{
	static struct image good, image;
	(void)state;
	image_make(&good);
	srand(17);
	unsigned accepted = 0;
	for (int round = 0; round < 300; round++) {
		image = good;
		for (int changes = rand() % 8; changes >= 0; changes--) {
			size_t most = rand() % 2 ? 80 : image.len;
			image.bytes[(size_t)rand() % most] = (uint8_t)rand();
		}
		accepted += image_try(image.bytes, image.len);
	}
	assert_true(accepted > 0 && accepted < 300);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static void *asker(void *arg)
{
	struct address address;
	struct network network;
	address_parse(&address, "192.0.2.1");
	for (int i = 0; i < 2000; i++)
		network_of(arg, &address, &network);
	return NULL;
}

static void test_many_threads(void **state)
{
	pthread_t thread[4];
	(void)state;
	network_replace(path, usual);
	struct network_db *db = network_db_open(path);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, asker, db), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	network_db_close(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_a_long_name_is_cut),
		cmocka_unit_test(test_without_a_database),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_a_new_file_is_opened_after_a_while),
		cmocka_unit_test(test_a_damaged_file_is_logged_once),
		cmocka_unit_test(test_a_file_that_is_cut_off_in_use),
		cmocka_unit_test(test_a_file_cut_off_anywhere),
		cmocka_unit_test(test_hostile_numbers),
		cmocka_unit_test(test_a_tree_without_a_floor),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_many_threads),
	};
	if (!mkdtemp(room))
		return 1;
	snprintf(path, sizeof path, "%s/location.db", room);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(room);
	return failed;
}
