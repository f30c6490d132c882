#include "failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

static void test_set(void **state)
{
	(void)state;
	struct failure why;
	assert_false(failure_set(&why, EX_OSERR, "port %d: %s", 25, "taken"));
	assert_int_equal(why.code, EX_OSERR);
	assert_string_equal(why.text, "port 25: taken");
	/* From itself. */
	failure_set(&why, EX_CONFIG, "again: %s", why.text);
	assert_string_equal(why.text, "again: port 25: taken");
	assert_false(failure_set(NULL, EX_OSERR, "nobody asks"));
}

static void test_prefix(void **state)
{
	(void)state;
	struct failure why;
	failure_set(&why, EX_OSERR, "taken");
	assert_false(failure_prefix(&why, "%s", "port"));
	assert_string_equal(why.text, "port: taken");
	assert_int_equal(why.code, EX_OSERR);
	assert_false(failure_prefix(NULL, "nobody asks"));
}

static void test_cut(void **state)
{
	(void)state;
	struct failure why;
	char large[2 * sizeof why.text];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	failure_set(&why, EX_OSERR, "%s", large);
	assert_int_equal(strlen(why.text), sizeof why.text - 1);
	failure_prefix(&why, "%s", "p");
	assert_int_equal(strlen(why.text), sizeof why.text - 1);
	assert_memory_equal(why.text, "p: xxx", 6);
	failure_prefix(&why, "%s", large);
	assert_int_equal(strlen(why.text), sizeof why.text - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
