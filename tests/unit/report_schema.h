/* Whether a text is a TLS report in the strict form of RFC 8460 4.4 (spec T-20 to T-23), for the tests of whatever writes reports.
 * Shares no code with the writer. */
#ifndef TEST_REPORT_SCHEMA_H
#define TEST_REPORT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#define SCHEMA_WHY_SIZE 256
/* Returns false and says in `why` what is wrong and where. `must_end`: the second at which the day has to end, such as "23:59:59Z";
 * NULL: any. */
bool report_schema_fits(const char *json, size_t len, const char *must_end, char why[SCHEMA_WHY_SIZE]);
/* Fails the test if the text does not fit, or does not cover one UTC day to 23:59:59Z. */
void assert_report(const char *json);

#endif
