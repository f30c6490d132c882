/* A check with a store of its own in a temporary directory, over the world of tests/fakes. */
#ifndef TESTS_PRODUCT_H
#define TESTS_PRODUCT_H

#include "cases.h"

#define SETTLE_MS 30000

struct product {
	char directory[256];
	struct store *store;
	struct config *config;
	struct check *check;
};

struct config *product_config(const char *setting); /* `name=value` */
void product_start(struct product *p, unsigned workers);
void product_stop(struct product *p);        /* and a new world */
unsigned product_cases(struct check *check); /* open now */
void product_settle(struct check *check);    /* until none is open */
void product_pause(int ms);

/* An honest enforce domain with one good hop. */
void product_domain(const char *domain, const char *mx);
struct question product_question(const char *domain, enum purpose purpose);

#endif
