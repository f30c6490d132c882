/* Loops, and a lookup that the test waits for, for tests of the real dns. */
#ifndef UNIT_DNS_AWAIT_H
#define UNIT_DNS_AWAIT_H

#include "cm.h"
#include "dns_wait.h"

static struct loops *await_loops;

/* Starts loops for the life of the program, or until loops_free(&await_loops). */
static inline struct loops *await_loops_get(void)
{
	struct failure why = {0};
	if (!await_loops)
		await_loops = loops_new(2, &why);
	if (!await_loops)
		fail_msg("%s", why.text);
	return await_loops;
}

/* The answer stays valid until dns_wait_drop(). */
static inline const struct dns_answer *dns_await_on(struct dns_wait **wait, struct dns *dns, struct loop *loop,
	const char *name, enum dns_type type, int timeout_ms)
{
	const struct dns_answer *answer = NULL;
	*wait = dns_wait_begin(dns, loop, name, type, timeout_ms);
	while (!answer)
		answer = dns_wait_answer(*wait, timeout_ms);
	return answer;
}

static inline const struct dns_answer *dns_await(
	struct dns_wait **wait, struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	return dns_await_on(wait, dns, await_loops_get()->at[0], name, type, timeout_ms);
}

#endif
