/* audit: judges every domain of a list, or every domain that mail logs name, as the daemon would with mode = enforce. Shows
 * whose mail would be delayed, and states whether it is time to change the mode. */
#include "audit.h"

#include "batch.h"
#include "clock.h"
#include "commands.h"
#include "memory.h"
#include "preview.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define AUDIT_THREADS 40 /* inquiries at a time: many, because domains that are gone keep an inquiry long */
#define RATE_DEFAULT 50

struct audit {
	struct batch batch;
	struct session session;
	struct audit_input input;
	struct audit_state state;
	int *descriptors;          /* of the files, in their order */
	struct settings enforcing; /* the session's settings, but with mode = enforce; borrows from them */
	size_t next;               /* the first row that is not asked yet; guarded by batch.input */
	/* Guarded by batch.lock. */
	size_t asked, done; /* rows that this run has to judge, and has judged */
	uint64_t delayed, unchecked;
	int64_t begun_ms;
};

/* --- results ------------------------------------------------------------------------------------------------------ */

/* Returns whether a lookup or probe failed on this side, or did not end, so that the verdict states nothing about the next
 * hop. */
static bool is_unknown(const struct batch_result *result)
{
	const struct verdict *verdict = &result->outcome->verdict;
	switch ((int)verdict->reason) {
	case REASON_EXEMPT:
		return false;
	case REASON_RESOLVER:
	case REASON_INTERNAL:
	case REASON_NOT_YET_CHECKED:
	case REASON_PROBE_BUDGET:
	case REASON_HOP_INTERNAL:
		return true;
	default:
		return result->incomplete || !result->outcome->final || verdict_unchecked(verdict);
	}
}

static enum tally_result result_of(const struct tally_row *row, const struct batch_result *result)
{
	enum verdict_kind kind = result->outcome->verdict.kind;
	if (is_unknown(result))
		return TALLY_UNCHECKED;
	if (kind == VERDICT_FAIL_ENFORCE || kind == VERDICT_DEFER || row->map_holds)
		return TALLY_DELAYED;
	if (row->level_unknown)
		return TALLY_UNCHECKED;
	if (kind == VERDICT_FAIL_TESTING)
		return TALLY_TESTING_FAILS;
	/* mta_enforces: no mail host is known to be good, and the MTA itself will find out. */
	if (kind == VERDICT_PASS && result->outcome->verdict.reason != REASON_OK)
		return TALLY_UNCHECKED;
	return row->has_policy ? TALLY_SATISFIED : TALLY_NO_POLICY;
}

static void progress_print(struct audit *audit)
{
	struct when left;
	char words[160];
	int64_t passed_ms = clock_mono_ms() - audit->begun_ms + 1;
	double rate = 1000.0 * (double)audit->done / (double)passed_ms;
	double left_s = (double)(audit->asked - audit->done) / rate;
	/* The rate of the first second is no basis for an estimate. */
	when_span(&left, (int64_t)left_s);
	snprintf(words, sizeof words, "%zu of %zu domains, %.0f/s, %s left, delayed %" PRIu64 ", unchecked %" PRIu64,
		audit->done, audit->asked, rate, passed_ms < 1000 ? "?" : left.text, audit->delayed, audit->unchecked);
	progress_show(&audit->batch.progress, audit->done, audit->asked, words);
}

/* batch_caller.take. A domain that is tried again gets its newest result. */
static void result_take(void *arg, const struct question *question, const struct batch_result *result)
{
	struct audit *audit = arg;
	const struct verdict *verdict = &result->outcome->verdict;
	char name[BATCH_HOP_SIZE];
	struct tally_row *row = tally_find(&audit->input.tally, batch_hop(question, name));
	if (!row)
		return;
	free(row->hop);
	row->hop = *verdict->hop ? xstrdup(verdict->hop) : NULL;
	row->judged = true;
	row->has_policy = verdict->has_policy;
	row->mode = verdict->has_policy ? verdict->mode : POLICY_NONE;
	row->verdict = verdict->kind;
	row->reason = verdict->reason;
	row->level = audit->input.level;
	if (row->level_fails) {
		row->verdict = VERDICT_FAIL_ENFORCE;
		row->reason = row->level_reason;
		free(row->hop);
		row->hop = row->level_hop ? xstrdup(row->level_hop) : NULL;
	} else if (row->level_unknown) {
		row->reason = row->level_reason;
	}
	row->result = result_of(row, result);
	row->at = clock_wall_s();
	if (row->result != TALLY_UNCHECKED)
		audit_state_add(&audit->state, row);
	if (!result->again) {
		audit->done++;
		audit->delayed += row->result == TALLY_DELAYED;
		audit->unchecked += row->result == TALLY_UNCHECKED;
	}
	progress_print(audit);
}

/* Stores whether the mail hosts satisfy default_level = verify, if that binds the delivery. If the domain takes no mail, the
 * MTA returns the mail in any case. */
static void level_set(struct tally_row *row, const struct preview *preview)
{
	const struct verdict *level = &preview->level;
	bool none = level->reason == REASON_NULL_MX || level->reason == REASON_NO_SUCH_DOMAIN;
	bool unknown = level->kind == VERDICT_DEFER || (level->kind == VERDICT_PASS && level->reason != REASON_OK);
	row->level_fails = preview->has_level && level->kind == VERDICT_FAIL_ENFORCE;
	row->level_unknown = preview->has_level && unknown && !none;
	row->level_reason = level->reason;
	free(row->level_hop);
	row->level_hop = row->level_fails && *level->hop ? xstrdup(level->hop) : NULL;
}

/* Stores the first word of the map's answer, without `OK`. */
static void map_set(struct tally_row *row, const struct preview *preview, const struct settings *settings)
{
	const char *answer = preview->map[MAP_PLAIN];
	if (strncmp(answer, "OK ", strlen("OK ")) == 0)
		answer += strlen("OK ");
	snprintf(row->map, sizeof row->map, "%.*s", (int)strcspn(answer, " "), answer);
	row->map_holds = (settings->mta_enforces || preview->has_level) && preview_holds(preview);
	level_set(row, preview);
}

/* Called after each step of each inquiry, on an event loop. When the facts suffice for the verdict, they also show what
 * the map would answer without an override. Overrides are left out because they end. */
static void step_observe(void *arg, enum check_moment moment, const struct want *want, const struct facts *facts)
{
	struct audit *audit = arg;
	const struct question *question = &facts->question;
	struct step step = verdict_next(facts);
	struct facts plain = *facts; /* borrows from `facts`; not freed */
	struct preview preview;
	char name[BATCH_HOP_SIZE];
	batch_observe(&audit->batch, moment, want, facts);
	if (moment != STEP_ENDED || question->purpose != PURPOSE_QUERY || step_is_want(&step))
		return;
	plain.override.kind = OVERRIDE_NONE;
	preview_init(&preview, &step.verdict, &plain, &audit->enforcing);
	lock_take(&audit->batch.lock);
	struct tally_row *row = tally_find(&audit->input.tally, batch_hop(question, name));
	if (row)
		map_set(row, &preview, &audit->enforcing);
	lock_drop(&audit->batch.lock);
	preview_free(&preview);
}

/* batch_caller.next: the next row without a result. */
static bool question_next(void *arg, struct question *question)
{
	struct audit *audit = arg;
	const struct tally *tally = &audit->input.tally;
	while (audit->next < tally->count && tally->rows[audit->next]->judged)
		audit->next++;
	if (audit->next == tally->count)
		return false;
	const char *name = tally->rows[audit->next++]->name;
	question_from_next_hop(question, name, strlen(name), PURPOSE_QUERY);
	return true;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* Opens all files before the session gives up root's rights. */
static bool files_open(struct audit *audit, const struct options *options, size_t count, char **words)
{
	audit->descriptors = xcalloc(count + 1, sizeof *audit->descriptors);
	for (size_t i = 0; i < count; i++)
		if ((audit->descriptors[i] = audit_open(words[i])) < 0)
			return false;
	return audit_state_open(&audit->state, option_value(options, "resume"));
}

/* Reads all files. Returns 0, or the exit status after a message. */
static int files_read(struct audit *audit, const struct options *options, size_t count, char **words)
{
	struct audit_input *input = &audit->input;
	bool whole = true;
	for (size_t i = 0; i < count; i++)
		whole = (input->log ? audit_read_log(input, words[i], audit->descriptors[i], &audit->batch.progress)
				    : audit_read_list(input, words[i], audit->descriptors[i])) &&
			whole;
	if (!whole)
		return EX_DATAERR;
	if (input->tally.count == 0) {
		fprintf(stderr, "stsgate: %s\n",
			input->log ? "the log has no delivery over SMTP to a domain that can have a policy"
				   : "the list has no domain that can have a policy");
		return EX_DATAERR;
	}
	tally_sort(&input->tally, false);
	if (!audit_state_read(&audit->state, &input->tally, option_value(options, "resume")))
		return EX_IOERR;
	if (audit->state.known > 0)
		fprintf(stderr, "stsgate: note: results from the state file: %" PRIu64 "\n", audit->state.known);
	return 0;
}

static void judge_all(struct audit *audit)
{
	const struct tally *tally = &audit->input.tally;
	audit->enforcing = *audit->session.config->settings;
	audit->enforcing.mode = MODE_ENFORCE;
	for (size_t i = 0; i < tally->count; i++)
		audit->asked += !tally->rows[i]->judged;
	audit->begun_ms = clock_mono_ms();
	batch_run(&audit->batch, &audit->session);
	tally_sort(&audit->input.tally, true);
}

static int print_all(const struct audit *audit, const struct options *options)
{
	const struct audit_input *input = &audit->input;
	bool monitor = audit->session.config->settings->mode == MODE_MONITOR;
	int status = input->invalid > 0 || input->left_out > 0 ? STATUS_UNSURE : STATUS_YES;
	for (size_t i = 0; i < input->tally.count; i++)
		if (input->tally.rows[i]->result == TALLY_DELAYED)
			status = status_worse(status, STATUS_NO);
		else if (input->tally.rows[i]->result == TALLY_UNCHECKED)
			status = STATUS_UNSURE;
	if (options->json)
		audit_print_json(input, monitor);
	else if (option_given(options, "csv"))
		audit_print_csv(input, monitor);
	else
		audit_print_text(input, monitor);
	return status;
}

/* Opens the session, with default_level = verify if the option asks for it. Returns 0, or the exit status. */
static int audit_session(struct audit *audit, const struct options *options)
{
	static char level[] = "default_level=verify";
	struct options with = *options;
	char **overrides = xcalloc(options->override_count + 1, sizeof *overrides);
	for (size_t i = 0; i < options->override_count; i++)
		overrides[i] = options->overrides[i];
	overrides[options->override_count] = level;
	with.overrides = overrides;
	with.override_count += option_given(options, "default-level");
	int status = session_open(&audit->session, &with, NEEDS_NO_STORE_IN_BACKGROUND, step_observe, audit);
	free(overrides);
	return status;
}

/* Returns the exit status. */
static int audit_all(struct audit *audit, const struct options *options, size_t count, char **words)
{
	if (!files_open(audit, options, count, words))
		return EX_NOINPUT;
	int status = audit_session(audit, options);
	if (status != 0)
		return status;
	audit->input.level = audit->session.config->rules.default_verify;
	audit->state.level = audit->input.level;
	status = files_read(audit, options, count, words);
	if (status == 0) {
		judge_all(audit);
		bool kept = audit_state_close(&audit->state, option_value(options, "resume"));
		status = print_all(audit, options);
		status = kept ? status : EX_IOERR;
	}
	session_close(&audit->session);
	return status;
}

int audit_run(const struct options *options, size_t count, char **words)
{
	int rate = batch_rate(option_value(options, "rate"), RATE_DEFAULT);
	if (rate == 0)
		return EX_USAGE;
	if (options->json && option_given(options, "csv")) {
		fprintf(stderr, "stsgate: --json and --csv exclude each other\n");
		return EX_USAGE;
	}
	struct audit *audit = xcalloc(1, sizeof *audit);
	const struct batch_caller caller = {.next = question_next,
		.take = result_take,
		.arg = audit,
		.purpose = PURPOSE_QUERY,
		.threads = AUDIT_THREADS,
		.rate = rate};
	batch_init(&audit->batch, &caller);
	audit_input_init(&audit->input, option_given(options, "maillog"));
	int status = audit_all(audit, options, count, words);
	audit_input_free(&audit->input);
	batch_free(&audit->batch);
	free(audit->descriptors);
	free(audit);
	return status;
}
