/* import: stores the lines of an export. The daemon may run at the same time. Each of many threads stores one line after
 * another: the store writes simultaneous changes in one commit, which is faster. */
#include "clock.h"
#include "commands.h"
#include "dump.h"
#include "lines.h"
#include "lock.h"
#include "merge.h"
#include "output.h"
#include "progress.h"
#include "schedule.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define IMPORT_THREADS 64 /* the store's limit of changes in one commit */
#define REPORTED_MAX 20   /* refused lines that are reported; further ones are only counted */

struct importer {
	struct store *store;
	const struct rules *rules;
	struct lock lock; /* guards all members below */
	struct lines *lines;
	uint64_t imported, kept, refused;
	struct failure failure; /* a failure of the store, which ends the import; `code` 0: none */
	struct progress progress;
};

/* The change that one line makes to the store. */
struct change {
	const struct importer *importer;
	uint64_t number; /* the line's number, from 1 */
	int64_t now;
	struct dump_line line;
	bool changed; /* the line had something newer than the store */
};

/* --- one line ----------------------------------------------------------------------------------------------------- */

/* Returns when an imported entry is due for renewal: `due_at`, or a later time. Overdue entries are spread over the next
 * hour, or over half of the policy's remaining lifetime if that is shorter. Otherwise the daemon would look up all of
 * them at the same time. */
static int64_t overdue_spread(const struct entry *entry, int64_t due_at, const struct change *change)
{
	int64_t window = (entry->policy_expires_at - change->now) / 2;
	if (window > RECORD_AGE_MAX_S)
		window = RECORD_AGE_MAX_S;
	if (due_at == 0 || window < 1 || due_at >= change->now + window)
		return due_at;
	int64_t at = change->now + (int64_t)(change->number % (uint64_t)window);
	return at > due_at ? at : due_at;
}

/* Callbacks of the store: merge the line into the stored entry or hop. */
static void entry_update(struct entry *entry, void *arg)
{
	struct change *change = arg;
	struct facts facts = {.rules = change->importer->rules, .now = change->now}; /* borrows `entry`; not freed */
	change->changed = entry_merge(entry, &change->line.entry, change->now);
	if (!change->changed)
		return;
	facts.entry = *entry;
	entry->due_at = overdue_spread(entry, schedule_due(&facts), change);
}

static void hop_update(struct hop_record *record, void *arg)
{
	struct change *change = arg;
	change->changed = hop_record_merge(record, &change->line.record, change->now);
}

static bool line_store(struct change *change, struct failure *why)
{
	struct dump_line *line = &change->line;
	struct store *store = change->importer->store;
	switch (line->kind) {
	case DUMP_HEADER: /* several exports may be concatenated */
		return true;
	case DUMP_DOMAIN:
		return store_change_entry(store, line->entry.domain, entry_update, change, why);
	case DUMP_HOP:
		return store_change_hop(store, line->host, line->port, hop_update, change, why);
	}
	return true;
}

/* --- all lines ---------------------------------------------------------------------------------------------------- */

static bool line_read(const struct lines *lines, struct dump_line *out, int64_t now, struct failure *why)
{
	if (lines->too_long)
		return failure_set(why, EX_DATAERR, "it is longer than %d octets", LINE_BYTES_MAX);
	return dump_read(out, lines->line, lines->len, now, why);
}

static void line_refuse(struct importer *importer, uint64_t number, const struct failure *why) REQUIRES(importer->lock)
{
	importer->refused++;
	if (importer->refused > REPORTED_MAX + 1)
		return;
	progress_clear(&importer->progress);
	if (importer->refused <= REPORTED_MAX)
		fprintf(stderr, "stsgate: line %" PRIu64 " is refused: %s\n", number, why->text);
	else
		fputs("stsgate: further refused lines are only counted\n", stderr);
}

/* Reads the next valid line. Returns false at the end of the file and after a failure of the store. */
static bool change_next(struct importer *importer, struct change *change) REQUIRES(importer->lock)
{
	struct failure why;
	bool valid = false;
	while (!valid && importer->failure.code == 0 && lines_next(importer->lines)) {
		*change =
			(struct change){.importer = importer, .number = importer->lines->number, .now = clock_wall_s()};
		valid = line_read(importer->lines, &change->line, change->now, &why);
		if (!valid)
			line_refuse(importer, change->number, &why);
		char words[96];
		snprintf(words, sizeof words, "imported %" PRIu64 ", kept %" PRIu64 ", refused %" PRIu64,
			importer->imported, importer->kept, importer->refused);
		progress_show(&importer->progress, importer->lines->bytes, importer->lines->bytes_total, words);
	}
	return valid;
}

/* A thread: stores lines until there are no more. */
static void *lines_import(void *arg)
{
	struct importer *importer = arg;
	struct change change;
	lock_take(&importer->lock);
	while (change_next(importer, &change)) {
		lock_drop(&importer->lock);
		struct failure why = {0};
		bool stored = line_store(&change, &why);
		dump_line_free(&change.line);
		lock_take(&importer->lock);
		if (stored && change.line.kind != DUMP_HEADER)
			*(change.changed ? &importer->imported : &importer->kept) += 1;
		else if (!stored && (why.code == EX_TEMPFAIL || why.code == EX_SOFTWARE))
			line_refuse(importer, change.number, &why);
		else if (!stored)
			importer->failure = why;
	}
	lock_drop(&importer->lock);
	return NULL;
}

/* Returns whether the first line is the header of an export that this version can read. */
static bool header_read(struct lines *lines, const char *name)
{
	struct dump_line line;
	struct failure why = {0};
	struct quote quote;
	if (!lines_next(lines))
		failure_set(&why, EX_DATAERR, lines->error ? "it cannot be read" : "it is empty");
	else if (line_read(lines, &line, clock_wall_s(), &why) && line.kind != DUMP_HEADER) {
		dump_line_free(&line);
		failure_set(&why, EX_DATAERR, "its first line is not a header");
	}
	if (why.code == 0)
		return true;
	fprintf(stderr, "stsgate: %s is not an export of stsgate: %s\n", quote_string(&quote, name), why.text);
	return false;
}

static int lines_import_all(const struct session *session, struct lines *lines, bool json)
{
	struct importer importer = {.store = session->store, .rules = &session->config->rules, .lines = lines};
	pthread_t threads[IMPORT_THREADS];
	size_t count = 0;
	lock_init(&importer.lock);
	progress_init(&importer.progress);
	while (count < IMPORT_THREADS - 1 && pthread_create(&threads[count], NULL, lines_import, &importer) == 0)
		count++;
	lines_import(&importer);
	while (count > 0)
		pthread_join(threads[--count], NULL);
	progress_clear(&importer.progress);
	if (json) {
		json_t *object = json_made(json_object());
		json_put(object, "imported", json_integer((json_int_t)importer.imported));
		json_put(object, "kept", json_integer((json_int_t)importer.kept));
		json_put(object, "refused", json_integer((json_int_t)importer.refused));
		json_print(object);
	} else {
		printf("imported %" PRIu64 ", kept %" PRIu64 ", refused %" PRIu64 "\n", importer.imported,
			importer.kept, importer.refused);
	}
	lock_destroy(&importer.lock);
	if (importer.failure.code != 0)
		return complain(&importer.failure);
	return importer.refused > 0 ? STATUS_NO : STATUS_YES;
}

/* Opens the file before session_open(), which turns the process into the store's owner. That user may have no right to
 * read the file. */
int import_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct lines lines;
	struct session session;
	if (!lines_open(&lines, words[0]))
		return EX_NOINPUT;
	int status = header_read(&lines, words[0]) ? session_open(&session, options, NEEDS_STORE_ONLY, NULL, NULL)
						   : EX_DATAERR;
	if (status == 0) {
		status = lines_import_all(&session, &lines, options->json);
		session_close(&session);
	}
	return lines_close(&lines, words[0]) ? status : EX_IOERR;
}
