/* libunbound set up as a stub resolver with a cache: the options, servers and trust anchor. Part of dns_unbound.c. */
#ifndef IO_DNS_CONTEXT_H
#define IO_DNS_CONTEXT_H

#include "dns.h"

#include <unbound-event.h>
#include <unbound.h>

#define CLASS_IN 1

/* A context on a loop. Nothing can be set in it any more. It validates where options->validate is DNS_VALIDATE_ON, and
 * only there. It has one part in `parts` of the cache, and of the queries that can wait for a server at once. Each of
 * these has a descriptor of its own; what is more than that waits in line. Any thread, until the first lookup: from then
 * on the loop's. */
struct ub_ctx *dns_context_new(
	const struct dns_options *options, struct loop *loop, unsigned parts, struct failure *why);
/* On the loop's thread, once there was a lookup. Not called from inside a callback of libunbound. NULL: does nothing. */
void dns_context_free(struct ub_ctx **ctx);
/* The file with the trust anchor. */
const char *dns_context_anchor(const struct dns_options *options);

#endif
