/* libunbound set up as a stub resolver with a cache: the options, servers and trust anchor. Part of dns_unbound.c. */
#ifndef IO_DNS_CONTEXT_H
#define IO_DNS_CONTEXT_H

#include "dns.h"

#include <unbound.h>

/* A context after its first use: nothing can be set in it any more. It validates where options->validate is
 * DNS_VALIDATE_ON, and only there. */
struct ub_ctx *dns_context_new(const struct dns_options *options, struct failure *why);
/* Of one that failed: ub_ctx_delete() may wait for ever for a thread that is gone, so a thread of its own waits. */
void dns_context_discard(struct ub_ctx *ctx);
/* The file with the trust anchor. */
const char *dns_context_anchor(const struct dns_options *options);

#endif
