#include "fake_link.h"

#include "lock.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct link {
	struct loop *loop;
};
struct row {
	char *place, *field, *value; /* `field` is "" for a value that is no hash */
	int64_t px;
	struct row *next;
};
static struct server {
	struct lock lock;
	struct row *rows;
	enum fake_link_mode mode;
	char *log; /* a line for each command */
	size_t log_len;
} server = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

/* An answer on its way to the loop. */
struct answer {
	struct loop_task task;
	link_answered *answered;
	void *arg;
	struct link_reply reply;
	struct link_reply item[256], part[2];
	char *copy[258];
	size_t copies;
};

/* --- the table: with the lock held -------------------------------------------------------------------------------- */

static struct row **row_find(const char *place, const char *field)
{
	struct row **at = &server.rows;
	while (*at && (strcmp((*at)->place, place) != 0 || strcmp((*at)->field, field) != 0))
		at = &(*at)->next;
	return at;
}

static void row_remove(struct row **at)
{
	struct row *row = *at;
	*at = row->next;
	free(row->place);
	free(row->field);
	free(row->value);
	free(row);
}

static void row_put(const char *place, const char *field, const char *value, int64_t px)
{
	struct row **at = row_find(place, field);
	if (*at)
		row_remove(at);
	struct row *row = xcalloc(1, sizeof *row);
	*row = (struct row){xstrdup(place), xstrdup(field), xstrdup(value), px, server.rows};
	server.rows = row;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static const char *keep(struct answer *answer, const char *text)
{
	char *copy = answer->copy[answer->copies++] = xstrdup(text);
	for (char *at = copy; server.mode == FAKE_LINK_LYING && *at; at++)
		*at = *at == 'a' ? 'b' : 'a';
	return copy;
}

static struct link_reply bytes(struct answer *answer, const char *text)
{
	const char *copy = keep(answer, text);
	return (struct link_reply){.kind = LINK_BYTES, .bytes = copy, .len = strlen(copy)};
}

static struct link_reply get_range(struct answer *answer, const char *place, const char *last)
{
	struct row *row = *row_find(place, "");
	struct link_reply reply = bytes(answer, row ? row->value : "");
	size_t most = (size_t)atol(last) + 1;
	reply.len = reply.len < most ? reply.len : most;
	return reply;
}

static struct link_reply set(const char *const *word, size_t count)
{
	bool only_new = false;
	int64_t px = 0;
	for (size_t i = 3; i < count; i++) {
		only_new = only_new || strcmp(word[i], "NX") == 0;
		if (strcmp(word[i], "PX") == 0 && i + 1 < count)
			px = atoll(word[i + 1]);
	}
	if (only_new && *row_find(word[1], ""))
		return (struct link_reply){.kind = LINK_NIL};
	row_put(word[1], "", word[2], px);
	return (struct link_reply){.kind = LINK_OK, .bytes = "OK", .len = 2};
}

/* All fields in one part. */
static struct link_reply scan(struct answer *answer, const char *place)
{
	struct link_reply reply = {.kind = LINK_LIST, .item = answer->item};
	for (struct row *row = server.rows; row && reply.count + 2 <= 256; row = row->next)
		if (strcmp(row->place, place) == 0 && row->field[0] != '\0') {
			answer->item[reply.count++] = bytes(answer, row->field);
			answer->item[reply.count++] = bytes(answer, row->value);
		}
	answer->part[0] = bytes(answer, "0");
	answer->part[1] = reply;
	return (struct link_reply){.kind = LINK_LIST, .item = answer->part, .count = 2};
}

static struct link_reply usage(const char *place)
{
	struct link_reply reply = {.kind = LINK_NIL};
	for (struct row *row = server.rows; row; row = row->next)
		if (strcmp(row->place, place) == 0) {
			reply.kind = LINK_NUMBER;
			reply.number += (int64_t)(strlen(row->field) + strlen(row->value));
		}
	return reply;
}

static struct link_reply run(struct answer *answer, const char *const *word, size_t count)
{
	if (server.mode == FAKE_LINK_DOWN)
		return (struct link_reply){.kind = LINK_NONE};
	if (server.mode == FAKE_LINK_REFUSING)
		return (struct link_reply){.kind = LINK_REFUSED, .bytes = "NOPERM", .len = 6};
	if (strcmp(word[0], "GETRANGE") == 0)
		return get_range(answer, word[1], word[3]);
	if (strcmp(word[0], "HSCAN") == 0)
		return scan(answer, word[1]);
	if (server.mode == FAKE_LINK_LYING)
		return (struct link_reply){.kind = LINK_OK, .bytes = "OK", .len = 2};
	if (strcmp(word[0], "SET") == 0)
		return set(word, count);
	struct link_reply reply = {.kind = LINK_NUMBER};
	const struct row *at = *row_find(word[1], "");
	if (strcmp(word[0], "MEMORY") == 0)
		return usage(word[2]);
	if (strcmp(word[0], "PTTL") == 0)
		reply.number = !at ? -2 : at->px > 0 ? at->px : -1;
	else if (strcmp(word[0], "HSET") == 0)
		row_put(word[1], word[2], word[3], 0);
	else if (strcmp(word[0], "PEXPIRE") == 0)
		for (struct row *row = server.rows; row; row = row->next)
			row->px = strcmp(row->place, word[1]) == 0 ? atoll(word[2]) : row->px;
	else if (strcmp(word[0], "DEL") == 0 && *row_find(word[1], ""))
		row_remove(row_find(word[1], ""));
	else if (strcmp(word[0], "DEL") != 0)
		reply.kind = LINK_REFUSED;
	return reply;
}

static void log_add(const char *const *word, size_t count)
{
	for (size_t i = 0; i < count && i < 3; i++) {
		size_t len = strlen(word[i]);
		server.log = xrealloc(server.log, server.log_len + len + 2);
		server.log_len += (size_t)sprintf(
			server.log + server.log_len, "%s%s", word[i], i + 1 < count && i < 2 ? " " : "\n");
	}
}

static void deliver(struct loop_task *task)
{
	struct answer *answer = (struct answer *)((char *)task - offsetof(struct answer, task));
	if (answer->answered)
		answer->answered(answer->arg, &answer->reply);
	while (answer->copies > 0)
		free(answer->copy[--answer->copies]);
	free(answer);
}

/* --- what fleet_link.h declares ----------------------------------------------------------------------------------- */

struct link *link_new(const struct link_options *options)
{
	struct link *link = xcalloc(1, sizeof *link);
	link->loop = options->loop;
	return link;
}

void link_free(struct link **link)
{
	free(*link);
	*link = NULL;
}

bool link_is_up(const struct link *link)
{
	(void)link;
	return server.mode != FAKE_LINK_DOWN;
}

void link_command(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len)
{
	struct answer *answer = xcalloc(1, sizeof *answer);
	(void)deadline_ms;
	(void)len; /* no value here has a 0 */
	answer->task.run = deliver;
	answer->answered = answered;
	answer->arg = arg;
	lock_take(&server.lock);
	log_add(word, count);
	answer->reply = run(answer, word, count);
	lock_drop(&server.lock);
	loop_post(link->loop, &answer->task);
}

void link_ask(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word)
{
	link_command(link, deadline_ms, answered, arg, count, word, NULL);
}

void link_listen(struct link *link, const char *channel, link_heard *heard, void *arg)
{
	(void)link;
	(void)channel;
	(void)heard;
	(void)arg;
}

/* --- for tests ---------------------------------------------------------------------------------------------------- */

void fake_link_mode(enum fake_link_mode mode)
{
	lock_take(&server.lock);
	server.mode = mode;
	lock_drop(&server.lock);
}

void fake_link_reset(void)
{
	lock_take(&server.lock);
	while (server.rows)
		row_remove(&server.rows);
	free(server.log);
	server.log = NULL;
	server.log_len = 0;
	server.mode = FAKE_LINK_UP;
	lock_drop(&server.lock);
}

unsigned fake_link_count(const char *words)
{
	unsigned count = 0;
	lock_take(&server.lock);
	for (const char *line = server.log; line && *line; line = strchr(line, '\n') + 1)
		count += strncmp(line, words, strlen(words)) == 0;
	lock_drop(&server.lock);
	return count;
}

char *fake_link_value(const char *place, const char *field)
{
	lock_take(&server.lock);
	struct row *row = *row_find(place, field);
	char *value = row ? xstrdup(row->value) : NULL;
	lock_drop(&server.lock);
	return value;
}

void fake_link_put(const char *place, const char *field, const char *value)
{
	lock_take(&server.lock);
	row_put(place, field, value, 30000);
	lock_drop(&server.lock);
}

void fake_link_keep(const char *place)
{
	lock_take(&server.lock);
	struct row *row = *row_find(place, "");
	if (row)
		row->px = 0;
	lock_drop(&server.lock);
}

void fake_link_remove(const char *place)
{
	lock_take(&server.lock);
	struct row **at = row_find(place, "");
	if (*at)
		row_remove(at);
	lock_drop(&server.lock);
}

int64_t fake_link_px(const char *place)
{
	int64_t px = 0;
	lock_take(&server.lock);
	for (struct row *row = server.rows; row; row = row->next)
		if (strcmp(row->place, place) == 0)
			px = row->px;
	lock_drop(&server.lock);
	return px;
}
