/* A DNS lookup for a thread that waits for the answer. The lookup itself runs on a loop, whose own thread must not wait here. */
#ifndef CLI_DNS_WAIT_H
#define CLI_DNS_WAIT_H

#include "dns.h"

struct dns_wait;
/* Any thread except the loop's. */
struct dns_wait *dns_wait_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms);
/* Waits for the answer, at most `wait_ms`, and returns it; NULL: there is none yet. The answer stays valid until
 * dns_wait_drop(). */
const struct dns_answer *dns_wait_answer(struct dns_wait *wait, int wait_ms);
void dns_wait_drop(struct dns_wait **wait);

#endif
