/* A check with a store of its own in a temporary directory, in the world of tests/fakes. */
#ifndef TESTS_PRODUCT_H
#define TESTS_PRODUCT_H

#include "check_internal.h"

#define SETTLE_MS 30000

struct product {
	char directory[256];
	struct store *store;
	struct loops *loops;
	struct config *config;
	struct check *check;
};

#define PRODUCT_INQUIRIES 8192
struct config *product_config(struct product *p, const char *setting); /* `name=value` */
void product_start(struct product *p);
void product_stop(struct product *p);        /* starts a new world, too */
unsigned product_cases(struct check *check); /* open now */
void product_settle(struct check *check);    /* waits until none is open; all limits are free again then */
void product_pause(int ms);

/* Calls check_ask(), and passes an answer that the store has at once to `done`. Returns CHECK_NO_TICKET if there was
 * no room. */
check_ticket product_begin(struct check *check, const struct question *question, check_done *done, void *arg);
/* Calls check_ask() and check_wait(). */
void product_answer(struct check *check, const struct question *question, int wait_ms, struct outcome *out);

/* Sets up an honest enforce domain with one good hop. */
void product_domain(const char *domain, const char *mx);
struct question product_question(const char *domain, enum purpose purpose);

#endif
