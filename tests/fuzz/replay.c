/* Runs the files of directories through one fuzz target: the directories on the command line, or REPLAY_DIR. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX (1 << 20)

static void replay_bytes(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* so that AddressSanitizer sees a read beyond the end */

	FUZZ_MUST(exact);
	memcpy(exact, bytes, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

/* The file, and the file cut at every length up to a few hundred. */
static void replay_file(const char *path)
{
	static uint8_t bytes[FILE_BYTES_MAX];
	FILE *file = fopen(path, "rb");
	size_t len;

	FUZZ_MUST(file);
	len = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	replay_bytes(bytes, len);
	for (size_t cut = 0; cut < len && cut < 300; cut++)
		replay_bytes(bytes, cut);
}

static int replay_dir(const char *name)
{
	DIR *dir = opendir(name);
	int files = 0;

	if (!dir) {
		perror(name);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
		replay_file(path);
		files++;
	}
	closedir(dir);
	return files;
}

int main(int argc, char **argv)
{
	int files = argc > 1 ? 0 : replay_dir(REPLAY_DIR);

	for (int i = 1; i < argc; i++)
		files += replay_dir(argv[i]);
	printf("%d files\n", files);
	return files ? EXIT_SUCCESS : EXIT_FAILURE;
}
