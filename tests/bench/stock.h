/* What stands in a benchmark's store. Domain i of it has no policy, but every tenth has one (enforce), an MX set of one
 * hop or two that the policy names one by one, and good evidence of each. All of it is fresh for the next hour. */
#ifndef BENCH_STOCK_H
#define BENCH_STOCK_H

#include "store.h"

#define STOCK_HOPS_MAX 2
#define STOCK_NAME_SIZE 48

struct stock {
	unsigned hops; /* 0: no policy */
	char domain[STOCK_NAME_SIZE];
	char host[STOCK_HOPS_MAX][STOCK_NAME_SIZE];
};
void stock_name(struct stock *out, unsigned i); /* domain i */
/* Puts domains 0 to count - 1. */
bool stock_fill(struct store *store, unsigned count, struct failure *why);

#endif
