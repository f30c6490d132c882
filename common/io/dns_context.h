/* Sets up libunbound as a stub resolver with a cache: its options, servers and trust anchor. Part of dns_unbound.c. */
#ifndef IO_DNS_CONTEXT_H
#define IO_DNS_CONTEXT_H

#include "dns.h"

#include <unbound-event.h>
#include <unbound.h>

#define CLASS_IN 1

/* Creates a context on a loop, with all options set. It validates only if options->validate is DNS_VALIDATE_ON. Returns
 * NULL on failure.
 *
 * The whole process has a limit on the size of its caches, and a limit on the queries that wait for a server at the
 * same time. This context gets one part in `parts` of each. A query that waits for a server has a descriptor of its
 * own; queries above the limit are queued.
 *
 * Any thread may use the context until its first lookup, and only the loop's thread afterwards. */
struct ub_ctx *dns_context_new(
	const struct dns_options *options, struct loop *loop, unsigned parts, struct failure *why);
/* Frees a context, if there is one, and sets the pointer to NULL. After its first lookup this must be called on the
 * loop's thread, and never inside a callback of libunbound. */
void dns_context_free(struct ub_ctx **ctx);
/* Returns the name of the file with the trust anchor. */
const char *dns_context_anchor(const struct dns_options *options);

#endif
