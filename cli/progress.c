#include "progress.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_MS 200
#define BAR_WIDTH 30

void progress_init(struct progress *progress)
{
	*progress = (struct progress){.wanted = isatty(STDERR_FILENO) == 1};
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *words)
{
	static const char full[BAR_WIDTH + 1] = "##############################";
	static const char none[BAR_WIDTH + 1] = "..............................";
	if (!progress->wanted || clock_mono_ms() - progress->shown_ms < PROGRESS_MS)
		return;
	progress->shown_ms = clock_mono_ms();
	progress->shown = true;
	if (total > 0) {
		uint64_t seen = done < total ? done : total;
		int bar = (int)((double)seen / (double)total * BAR_WIDTH);
		int percent = (int)((double)seen / (double)total * 100);
		fprintf(stderr, "\r[%.*s%.*s] %3d%%  %s\033[K", bar, full, BAR_WIDTH - bar, none, percent, words);
	} else {
		fprintf(stderr, "\r%s\033[K", words);
	}
	fflush(stderr);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
