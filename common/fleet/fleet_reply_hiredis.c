#include "fleet_reply.h"

#include "memory.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 4  /* lists in lists */
#define HEAD_SIZE 32 /* for the line with the length of a text */

/* hiredis counts the items of a list by another type since version 1. */
#if HIREDIS_MAJOR >= 1
typedef size_t item_count;
#else
typedef int item_count;
#endif

/* hiredis calls the functions below for each part of a reply. They keep it as a struct link_reply. The items of a list are one
 * array, which the list owns. */
struct reply_reader {
	redisReader *parser;
	size_t octets, items; /* of the reply that is being read */
	bool too_long;
	/* What the parser has not seen yet: */
	char last;            /* the last octet of a line */
	char head[HEAD_SIZE]; /* a line that begins with `$`: the length of a text */
	size_t head_len;
	size_t skip, pass; /* octets that are dropped, and then passed on as they are */
	bool ended;        /* a text is too long even to be skipped: the parser sees nothing more */
};

/* Returns where the part belongs: in the list that it is an item of, or in a struct of its own. */
static struct link_reply *reply_slot(const redisReadTask *task)
{
	if (!task->parent)
		return xcalloc(1, sizeof(struct link_reply));
	struct link_reply *list = task->parent->obj;
	return (struct link_reply *)&list->item[task->idx];
}

static void *take_nil(const redisReadTask *task)
{
	struct link_reply *reply = reply_slot(task);
	reply->kind = LINK_NIL;
	return reply;
}

static void *take_string(const redisReadTask *task, char *bytes, size_t len)
{
	struct reply_reader *reader = task->privdata;
	if (len > LINK_REPLY_MAX - reader->octets)
		return take_nil(task);
	reader->octets += len;
	struct link_reply *reply = reply_slot(task);
	reply->kind = task->type == REDIS_REPLY_STATUS  ? LINK_OK
		      : task->type == REDIS_REPLY_ERROR ? LINK_REFUSED
							: LINK_BYTES;
	reply->bytes = xstrndup(bytes, len);
	reply->len = len;
	return reply;
}

/* Lists in lists. hiredis 0.14 reads 7 levels, later versions any number. */
static bool is_deep(const redisReadTask *task)
{
	unsigned depth = 1;
	for (const redisReadTask *at = task->parent; at; at = at->parent)
		depth++;
	return depth > DEPTH_MAX;
}

static void *take_list(const redisReadTask *task, item_count count)
{
	struct reply_reader *reader = task->privdata;
	if (is_deep(task) || count > LINK_ITEMS_MAX || reader->items + (size_t)count > LINK_ITEMS_MAX) {
		reader->too_long = true;
		return NULL;
	}
	reader->items += (size_t)count;
	struct link_reply *reply = reply_slot(task);
	reply->kind = LINK_LIST;
	reply->count = (size_t)count;
	reply->item = count > 0 ? xcalloc((size_t)count, sizeof *reply->item) : NULL;
	return reply;
}

static void *take_number(const redisReadTask *task, long long number)
{
	struct link_reply *reply = reply_slot(task);
	reply->kind = LINK_NUMBER;
	reply->number = number;
	return reply;
}

#if HIREDIS_MAJOR >= 1
/* Only a server that speaks another version of the protocol than it was asked for sends these two. */
static void *take_fraction(const redisReadTask *task, double number, char *bytes, size_t len)
{
	(void)number;
	return take_string(task, bytes, len);
}

static void *take_bool(const redisReadTask *task, int yes)
{
	return take_number(task, yes);
}
#endif

static void reply_clear(struct link_reply *reply)
{
	for (size_t i = 0; i < reply->count; i++)
		reply_clear((struct link_reply *)&reply->item[i]);
	free((void *)reply->item);
	free((void *)reply->bytes);
}

void reply_free(struct link_reply **reply)
{
	if (!*reply)
		return;
	reply_clear(*reply);
	free(*reply);
	*reply = NULL;
}

static void drop(void *object)
{
	struct link_reply *reply = object;
	reply_free(&reply);
}

static redisReplyObjectFunctions functions = {
	.createString = take_string,
	.createArray = take_list,
	.createInteger = take_number,
#if HIREDIS_MAJOR >= 1
	.createDouble = take_fraction,
	.createBool = take_bool,
#endif
	.createNil = take_nil,
	.freeObject = drop,
};

struct reply_reader *reply_reader_new(void)
{
	struct reply_reader *reader = xcalloc(1, sizeof *reader);
	reader->parser = xneed(redisReaderCreateWithFunctions(&functions));
	reader->parser->privdata = reader;
	return reader;
}

void reply_reader_free(struct reply_reader **reader)
{
	if (!*reader)
		return;
	redisReaderFree((*reader)->parser);
	free(*reader);
	*reader = NULL;
}

/* The parser keeps a text until it is whole, so it sees only the end of a text that is too long, and a length that fits. */
static void head_end(struct reply_reader *reader)
{
	char *end, shorter[HEAD_SIZE];
	reader->head[reader->head_len] = '\0';
	long long len = strtoll(reader->head + 1, &end, 10);
	bool is_long = *end == '\r' && len > LINK_TEXT_MAX;
	reader->ended = len > LINK_SKIP_MAX;
	if (reader->ended)
		return;
	if (is_long)
		redisReaderFeed(
			reader->parser, shorter, (size_t)snprintf(shorter, sizeof shorter, "$%d\r\n", LINK_TEXT_MAX));
	else
		redisReaderFeed(reader->parser, reader->head, reader->head_len);
	reader->skip = is_long ? (size_t)len - LINK_TEXT_MAX : 0;
	reader->pass = len < 0 ? 0 : (is_long ? LINK_TEXT_MAX : (size_t)len) + 2;
	reader->head_len = 0;
}

/* Takes a part of a line, and returns how many octets it has. */
static size_t line_feed(struct reply_reader *reader, const char *bytes, size_t len)
{
	bool is_end = false, is_head = reader->head_len > 0 || (reader->last == '\0' && bytes[0] == '$');
	size_t n = 0;
	for (; n < len && !is_end && !(is_head && reader->head_len == HEAD_SIZE - 1); n++) {
		is_end = reader->last == '\r' && bytes[n] == '\n';
		reader->last = is_end ? '\0' : bytes[n] == '\0' ? ' ' : bytes[n];
		if (is_head)
			reader->head[reader->head_len++] = bytes[n];
	}
	if (!is_head)
		redisReaderFeed(reader->parser, bytes, n);
	else if (is_end)
		head_end(reader);
	else
		reader->ended = reader->head_len == HEAD_SIZE - 1; /* no length is so long */
	return n;
}

void reply_feed(struct reply_reader *reader, const char *bytes, size_t len)
{
	while (len > 0 && !reader->ended) {
		size_t n = len;
		if (reader->skip > 0) {
			n = n < reader->skip ? n : reader->skip;
			reader->skip -= n;
		} else if (reader->pass > 0) {
			n = n < reader->pass ? n : reader->pass;
			redisReaderFeed(reader->parser, bytes, n);
			reader->pass -= n;
		} else {
			n = line_feed(reader, bytes, n);
		}
		bytes += n;
		len -= n;
	}
}

bool reply_next(struct reply_reader *reader, struct link_reply **reply, const char **why)
{
	void *object = NULL;
	*reply = NULL;
	bool good = redisReaderGetReply(reader->parser, &object) == REDIS_OK;
	/* Part of a long text waits in the parser's buffer until the rest has come. */
	reader->too_long = reader->too_long || reader->parser->len - reader->parser->pos > LINK_REPLY_MAX;
	reader->too_long = reader->too_long || (good && !object && reader->ended);
	if (good && !reader->too_long) {
		*reply = object;
		if (object)
			reader->octets = reader->items = 0;
		return true;
	}
	if (good && object)
		drop(object);
	*why = reader->too_long ? "it sent a reply that is too long or too deep"
				: "it does not speak the protocol of Valkey and Redis";
	return false;
}
