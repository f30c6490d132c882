/* fill DIRECTORY COUNT: makes a store of COUNT domains (stock.h). */
#include "stock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define COUNT_MAX 1000000

int main(int argc, char **argv)
{
	struct failure why = {.text = ""};
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > COUNT_MAX) {
		fprintf(stderr, "usage: fill DIRECTORY COUNT\n");
		return EX_USAGE;
	}
	struct store *store = store_open(argv[1], UINT64_C(1) << 30, STORE_OWNER, &why);
	bool filled = store != NULL && stock_fill(store, (unsigned)count, &why);
	if (!filled)
		fprintf(stderr, "fill: %s\n", why.text);
	store_close(&store);
	return filled ? EX_OK : EX_OSERR;
}
