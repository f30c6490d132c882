/* audit: the state file, which lets an interrupted audit continue. */
#include "audit.h"

#include "ascii.h"
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool state_fails(const char *path, const char *what)
{
	struct quote quote;
	fprintf(stderr, "stsgate: the state file %s %s: %s\n", quote_string(&quote, path), what, strerror(errno));
	return false;
}

static const char *text_at(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));
	return text ? text : "";
}

/* Sets the row's result from a line. Leaves the row as it is if a part of the line is not valid. */
static bool row_set(struct tally_row *row, const json_t *line, bool level)
{
	unsigned result = 0, verdict = 0, mode = 0;
	const char *reason_text = text_at(line, "reason"), *policy = text_at(line, "policy");
	const char *map = text_at(line, "map"), *hop = text_at(line, "mail_host");
	struct domain host;
	while (result < TALLY_RESULTS && strcmp(text_at(line, "result"), tally_result_name(result)) != 0)
		result++;
	while (verdict <= VERDICT_DEFER && strcmp(text_at(line, "verdict"), verdict_name(verdict)) != 0)
		verdict++;
	while (mode <= POLICY_ENFORCE && strcmp(policy, policy_mode_name(mode)) != 0)
		mode++;
	enum reason reason = reason_by_name((struct span){reason_text, strlen(reason_text)});
	bool has_policy = *policy != '\0', map_is_word = strlen(map) < sizeof row->map;
	for (const char *at = map; *at; at++)
		map_is_word = map_is_word && (ascii_is_alnum(*at) || *at == '-');
	if (result == TALLY_RESULTS || verdict > VERDICT_DEFER || reason == REASON_COUNT || !map_is_word ||
		(has_policy && mode > POLICY_ENFORCE) ||
		json_is_true(json_object_get(line, "default_level")) != level ||
		(*hop && !domain_parse(&host, hop, strlen(hop))))
		return false;
	free(row->hop);
	row->hop = *hop ? xstrdup(host.name) : NULL;
	row->judged = true;
	row->level = level;
	row->has_policy = has_policy;
	row->result = (enum tally_result)result;
	row->mode = has_policy ? (enum policy_mode)mode : POLICY_NONE;
	row->verdict = (enum verdict_kind)verdict;
	row->reason = reason;
	row->map_holds = json_is_true(json_object_get(line, "map_holds"));
	row->at = json_integer_value(json_object_get(line, "checked_at"));
	snprintf(row->map, sizeof row->map, "%s", map);
	return true;
}

static bool line_take(struct tally *tally, const struct lines *lines, bool level)
{
	json_t *line = json_loadb(lines->line, lines->len, JSON_REJECT_DUPLICATES, NULL);
	struct tally_row *row = line ? tally_find(tally, text_at(line, "domain")) : NULL;
	bool known = row && !row->judged && row_set(row, line, level);
	json_decref(line);
	return known;
}

/* Reads the lines of the file. Returns the octets of its whole lines, or -1. */
static off_t lines_take(struct audit_state *state, struct tally *tally, const char *path)
{
	struct lines lines;
	off_t whole = 0;
	int descriptor = dup(state->descriptor);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "r");
	lines_begin(&lines, xneed(file));
	while (lines_next(&lines)) {
		bool ended = lines.too_long || lines.bytes == (uint64_t)whole + lines.len + 1;
		if (!ended)
			continue;
		whole = (off_t)lines.bytes;
		state->known += line_take(tally, &lines, state->level);
	}
	return lines_close(&lines, path) ? whole : -1;
}

bool audit_state_open(struct audit_state *state, const char *path)
{
	*state = (struct audit_state){.descriptor = -1};
	if (path)
		state->descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return !path || state->descriptor >= 0 || state_fails(path, "cannot be opened");
}

bool audit_state_read(struct audit_state *state, struct tally *tally, const char *path)
{
	if (state->descriptor < 0)
		return true;
	off_t whole = lines_take(state, tally, path);
	bool ready = whole >= 0 && ftruncate(state->descriptor, whole) == 0;
	if (whole >= 0 && !ready)
		state_fails(path, "cannot be written");
	state->file = xneed(fdopen(state->descriptor, "a"));
	return ready;
}

void audit_state_add(struct audit_state *state, const struct tally_row *row)
{
	if (!state->file)
		return;
	json_t *line = audit_row_json(row);
	char *text = xneed(json_dumps(line, JSON_ENSURE_ASCII));
	fprintf(state->file, "%s\n", text);
	fflush(state->file); /* an error is sticky: audit_state_close() reports it */
	free(text);
	json_decref(line);
}

bool audit_state_close(struct audit_state *state, const char *path)
{
	if (!state->file)
		return true;
	bool failed = ferror(state->file) != 0;
	failed = fclose(state->file) != 0 || failed;
	state->file = NULL;
	return failed ? state_fails(path, "cannot be written") : true;
}
