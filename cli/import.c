/* import: takes the lines of an export into the store, while the daemon may run. Many changes are handed over at a
 * time, since the store writes what comes together in one commit. */
#include "clock.h"
#include "commands.h"
#include "dump.h"
#include "kit.h"
#include "lines.h"
#include "lock.h"
#include "merge.h"
#include "output.h"
#include "progress.h"
#include "schedule.h"
#include "workers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define IMPORT_SLOTS 64 /* changes that the store puts into one commit */
#define TOLD_MAX 20     /* refused lines that are told one by one */

struct importer;

/* A line on its way into the store. */
struct slot {
	struct job job; /* first: a job is its slot */
	struct importer *importer;
	uint64_t number;
	int64_t now;
	struct dump_line line;
	bool changed;
	struct slot *next;
};

struct importer {
	struct store *store;
	const struct rules *rules;
	struct lock lock;
	struct signal_cond freed;
	struct slot *slots, *free;
	unsigned in_use;
	uint64_t imported, kept, refused;
	struct failure trouble; /* that ends it all; `code` 0: none */
	struct progress progress;
};

/* --- one line ----------------------------------------------------------------------------------------------------- */

/* What is overdue by the time it comes is spread over an hour, and over half of what its policy has left to live. */
static int64_t overdue_spread(const struct entry *entry, int64_t due_at, const struct slot *slot)
{
	int64_t window = (entry->policy_expires_at - slot->now) / 2;
	if (window > RECORD_AGE_MAX_S)
		window = RECORD_AGE_MAX_S;
	if (due_at == 0 || window < 1 || due_at >= slot->now + window)
		return due_at;
	int64_t at = slot->now + (int64_t)(slot->number % (uint64_t)window);
	return at > due_at ? at : due_at;
}

static void entry_take(struct entry *entry, void *arg)
{
	struct slot *slot = arg;
	struct facts facts = {.rules = slot->importer->rules, .now = slot->now}; /* owns nothing */
	slot->changed = entry_merge(entry, &slot->line.entry, slot->now);
	if (!slot->changed)
		return;
	facts.entry = *entry;
	entry->due_at = overdue_spread(entry, schedule_due(&facts), slot);
}

static void hop_take(struct hop_record *record, void *arg)
{
	struct slot *slot = arg;
	slot->changed = hop_record_merge(record, &slot->line.record, slot->now);
}

static bool line_store(struct slot *slot, struct failure *why)
{
	struct dump_line *line = &slot->line;
	struct store *store = slot->importer->store;
	switch (line->kind) {
	case DUMP_HEADER: /* of a further export behind the first */
		return true;
	case DUMP_DOMAIN:
		return store_change_entry(store, line->entry.domain, entry_take, slot, why);
	case DUMP_HOP:
		return store_change_hop(store, line->host, line->port, hop_take, slot, why);
	}
	return true;
}

/* Under the lock. */
static void refused_tell(struct importer *importer, uint64_t number, const struct failure *why)
{
	importer->refused++;
	if (importer->refused > TOLD_MAX + 1)
		return;
	progress_clear(&importer->progress);
	if (importer->refused <= TOLD_MAX)
		fprintf(stderr, "stsgate: line %" PRIu64 " is refused: %s\n", number, why->text);
	else
		fputs("stsgate: more lines are refused; they are only counted\n", stderr);
}

static void line_count(struct slot *slot, bool stored, const struct failure *why)
{
	struct importer *importer = slot->importer;
	if (stored && slot->line.kind != DUMP_HEADER)
		*(slot->changed ? &importer->imported : &importer->kept) += 1;
	else if (!stored && (why->code == EX_TEMPFAIL || why->code == EX_SOFTWARE))
		refused_tell(importer, slot->number, why);
	else if (!stored)
		importer->trouble = *why;
}

static void slot_run(struct job *job)
{
	struct slot *slot = (struct slot *)job;
	struct importer *importer = slot->importer;
	struct failure why = {0};
	bool stored = line_store(slot, &why);
	dump_line_free(&slot->line);
	lock_take(&importer->lock);
	line_count(slot, stored, &why);
	slot->next = importer->free;
	importer->free = slot;
	importer->in_use--;
	cond_wake_one(&importer->freed);
	lock_drop(&importer->lock);
}

/* --- all lines ---------------------------------------------------------------------------------------------------- */

/* NULL: the store is in trouble. */
static struct slot *slot_wait(struct importer *importer)
{
	lock_take(&importer->lock);
	while (!importer->free)
		cond_wait(&importer->freed, &importer->lock);
	struct slot *slot = importer->trouble.code == 0 ? importer->free : NULL;
	if (slot) {
		importer->free = slot->next;
		importer->in_use++;
	}
	lock_drop(&importer->lock);
	return slot;
}

static void slots_await(struct importer *importer)
{
	lock_take(&importer->lock);
	while (importer->in_use > 0)
		cond_wait(&importer->freed, &importer->lock);
	lock_drop(&importer->lock);
}

static void importer_tell(struct importer *importer, const struct lines *lines)
{
	char words[96];
	lock_take(&importer->lock);
	snprintf(words, sizeof words, "imported %" PRIu64 ", kept %" PRIu64 ", refused %" PRIu64, importer->imported,
		importer->kept, importer->refused);
	progress_tell(&importer->progress, lines->bytes, lines->bytes_total, words);
	lock_drop(&importer->lock);
}

static bool line_read(const struct lines *lines, struct dump_line *out, int64_t now, struct failure *why)
{
	if (lines->too_long)
		return failure_set(why, EX_DATAERR, "it is longer than %d octets", LINE_BYTES_MAX);
	return dump_read(out, lines->line, lines->len, now, why);
}

static void lines_import(struct importer *importer, struct workers *workers, struct lines *lines)
{
	struct slot *slot = NULL;
	struct failure why;
	while ((slot || (slot = slot_wait(importer))) && lines_next(lines)) {
		slot->now = clock_wall_s();
		slot->number = lines->number;
		slot->changed = false;
		if (line_read(lines, &slot->line, slot->now, &why)) {
			workers_push(workers, &slot->job);
			slot = NULL;
		} else {
			lock_take(&importer->lock);
			refused_tell(importer, lines->number, &why);
			lock_drop(&importer->lock);
		}
		importer_tell(importer, lines);
	}
	lock_take(&importer->lock);
	importer->in_use -= slot != NULL;
	lock_drop(&importer->lock);
	slots_await(importer);
}

/* Whether the first line is the head of an export that this version can read. */
static bool header_read(struct lines *lines, const char *name)
{
	struct dump_line line;
	struct failure why = {0};
	struct quote quote;
	if (!lines_next(lines))
		failure_set(&why, EX_DATAERR, lines->trouble ? "nothing can be read" : "it is empty");
	else if (line_read(lines, &line, clock_wall_s(), &why) && line.kind != DUMP_HEADER) {
		dump_line_free(&line);
		failure_set(&why, EX_DATAERR, "its first line is no header");
	}
	if (why.code == 0)
		return true;
	fprintf(stderr, "stsgate: %s is no export of stsgate: %s\n", quote_string(&quote, name), why.text);
	return false;
}

static void importer_open(struct importer *importer, const struct kit *kit)
{
	*importer = (struct importer){.store = kit->store, .rules = &kit->config->rules};
	lock_init(&importer->lock);
	cond_init(&importer->freed);
	progress_init(&importer->progress);
	importer->slots = calloc(IMPORT_SLOTS, sizeof *importer->slots);
	if (!importer->slots)
		abort();
	for (size_t i = 0; i < IMPORT_SLOTS; i++) {
		importer->slots[i] = (struct slot){
			.job = {.class = WORK_ASKED, .run = slot_run}, .importer = importer, .next = importer->free};
		importer->free = &importer->slots[i];
	}
}

static void importer_close(struct importer *importer)
{
	free(importer->slots);
	cond_destroy(&importer->freed);
	lock_destroy(&importer->lock);
}

static int summary_print(struct importer *importer, bool json)
{
	progress_clear(&importer->progress);
	if (json) {
		json_t *object = json_made(json_object());
		json_put(object, "imported", json_integer((json_int_t)importer->imported));
		json_put(object, "kept", json_integer((json_int_t)importer->kept));
		json_put(object, "refused", json_integer((json_int_t)importer->refused));
		json_print(object);
	} else {
		printf("imported %" PRIu64 ", kept %" PRIu64 ", refused %" PRIu64 "\n", importer->imported,
			importer->kept, importer->refused);
	}
	if (importer->trouble.code != 0)
		return complain(&importer->trouble);
	return importer->refused > 0 ? STATUS_NO : STATUS_YES;
}

static int import_lines(const struct kit *kit, struct lines *lines, bool json)
{
	struct importer importer;
	struct failure why = {0};
	struct workers *workers = workers_new(IMPORT_SLOTS, &why);
	if (!workers)
		return complain(&why);
	importer_open(&importer, kit);
	lines_import(&importer, workers, lines);
	workers_free(&workers);
	int status = summary_print(&importer, json);
	importer_close(&importer);
	return status;
}

/* The file is opened first: the store's owner, who the tool becomes, may not be allowed to. */
int import_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct lines lines;
	struct kit kit;
	if (!lines_open(&lines, words[0]))
		return EX_NOINPUT;
	int status = header_read(&lines, words[0]) ? kit_open(&kit, options, KIT_STORE, NULL, NULL) : EX_DATAERR;
	if (status == 0) {
		status = import_lines(&kit, &lines, options->json);
		kit_close(&kit);
	}
	return lines_close(&lines, words[0]) ? status : EX_IOERR;
}
