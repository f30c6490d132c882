/* rewrite DIRECTORY COUNT RATE: rewrites RATE entries a second, chosen at random, in the store of COUNT domains that fill made
 * and that stsgated has open, until it is ended. */
#include "lapse.h"
#include "stock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#define BATCH 100 /* changes between two looks at the clock */

/* Changes a time by one second, so the entry is written and means the same. */
static void entry_touch(struct entry *entry, void *arg)
{
	(void)arg;
	entry->record_checked_at += entry->record_checked_at % 2 == 0 ? 1 : -1;
}

int main(int argc, char **argv)
{
	struct failure why = {.text = ""};
	uint64_t state = 1;
	unsigned count = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	double rate = argc == 4 ? strtod(argv[3], NULL) : 0;
	if (count == 0 || rate < 1)
		return EX_USAGE;
	struct store *store = store_open(argv[1], UINT64_C(1) << 30, STORE_GUEST, &why);
	int64_t begun_ns = lapse_now_ns();
	for (uint64_t done = 0; store; done++) {
		struct stock stock;
		state = state * 6364136223846793005u + 1442695040888963407u;
		stock_name(&stock, (unsigned)((state >> 33) % count));
		if (!store_change_entry(store, stock.domain, entry_touch, NULL, &why))
			break;
		int64_t ahead_ns = (int64_t)((double)done * 1e9 / rate) - (lapse_now_ns() - begun_ns);
		if (done % BATCH == 0 && ahead_ns > 0)
			nanosleep(&(struct timespec){ahead_ns / 1000000000, ahead_ns % 1000000000}, NULL);
	}
	fprintf(stderr, "rewrite: %s\n", why.text);
	return EX_IOERR;
}
