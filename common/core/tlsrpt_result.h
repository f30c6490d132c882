/* The result types of RFC 8460 4.3: why a TLS session failed, as reports name it. Each has a row in tlsrpt_result.def. Pure; any
 * thread. All texts are static. */
#ifndef CORE_TLSRPT_RESULT_H
#define CORE_TLSRPT_RESULT_H

#include "reason.h"
#include "span.h"

#include <stdint.h>

enum tlsrpt_result {
#define RESULT(symbol, code, name, sentence, remedy) TLSRPT_##symbol,
#include "tlsrpt_result.def"
#undef RESULT
	TLSRPT_RESULTS /* no result type: nothing to report */
};

/* Returns the number in libtlsrpt's datagrams (spec T-15), and the result type with that number, or TLSRPT_RESULTS. */
int tlsrpt_result_code(enum tlsrpt_result result);
enum tlsrpt_result tlsrpt_result_by_code(int64_t code);
/* Returns the name in reports, and the result type with that name, or TLSRPT_RESULTS. */
const char *tlsrpt_result_name(enum tlsrpt_result result);
enum tlsrpt_result tlsrpt_result_by_name(struct span name);
/* Return the columns `sentence` and `remedy`. */
const char *tlsrpt_result_sentence(enum tlsrpt_result result);
const char *tlsrpt_result_remedy(enum tlsrpt_result result);

/* Returns the result type by which a failed session with this reason is reported, or TLSRPT_RESULTS if it is not reported: the
 * reason is REASON_OK, or it does not show that the other side failed (RFC 8460 4.3.4). */
enum tlsrpt_result tlsrpt_result_of(enum reason reason);

#endif
