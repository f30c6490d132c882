/* The contents of a benchmark's store. Every tenth domain has an enforce policy, an MX set of one or two hops that the
 * policy lists by name, and good evidence of each hop. The other domains have no policy. All facts stay fresh for the next
 * hour. */
#ifndef BENCH_STOCK_H
#define BENCH_STOCK_H

#include "store.h"

#define STOCK_HOPS_MAX 2
#define STOCK_NAME_SIZE 48

struct stock {
	unsigned hops; /* 0: no policy */
	bool testing;  /* the policy is not enforced */
	int64_t age_s; /* of every fact */
	char domain[STOCK_NAME_SIZE];
	char host[STOCK_HOPS_MAX][STOCK_NAME_SIZE];
};
void stock_name(struct stock *out, unsigned i); /* domain i */
/* Writes one domain and its mail hosts. */
bool stock_put(struct store *store, struct stock *stock, struct failure *why);
/* Writes domains 0 to count - 1. */
bool stock_fill(struct store *store, unsigned count, struct failure *why);

#endif
