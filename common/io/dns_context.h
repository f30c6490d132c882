/* libunbound set up as a stub resolver with a cache: the options, servers and trust anchor. Part of dns_unbound.c. */
#ifndef IO_DNS_CONTEXT_H
#define IO_DNS_CONTEXT_H

#include "dns.h"

#include <unbound.h>

/* Brings a new context to its first use: nothing can be set afterwards. */
bool dns_context_setup(struct ub_ctx *ctx, const struct dns_options *options, struct failure *why);

#endif
