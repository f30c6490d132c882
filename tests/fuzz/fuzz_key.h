/* The key of a farm, for targets that seal values. */
#ifndef FUZZ_FUZZ_KEY_H
#define FUZZ_FUZZ_KEY_H

#include "fleet_keys.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Returns the same keys each time, which last as long as the process. */
static inline struct fleet_keys *fuzz_keys(void)
{
	static struct fleet_keys *keys;
	char path[] = "/tmp/fuzz-key-XXXXXX";
	if (keys)
		return keys;
	int fd = mkstemp(path);
	FUZZ_MUST(fd >= 0);
	FILE *file = fdopen(fd, "w");
	FUZZ_MUST(file);
	fputs("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", file);
	fclose(file);
	keys = fleet_keys_read(path, NULL);
	unlink(path);
	FUZZ_MUST(keys);
	return keys;
}

#endif
