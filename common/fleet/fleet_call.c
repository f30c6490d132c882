#include "fleet_call.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define GRACE_MS 1000 /* for a loop that is busy, beyond the command's own deadline */

/* One command. The caller and the loop each hold a reference, so that a caller who gives up leaves nothing behind. */
struct call {
	struct loop_task task; /* the first member */
	struct link *link;
	int64_t deadline_ms;
	size_t count;
	char **word; /* copies */
	size_t *len;
	struct lock lock;
	struct signal_cond cond;
	unsigned references GUARDED_BY(lock);
	struct link_reply *reply GUARDED_BY(lock); /* NULL: not answered yet */
};

/* --- replies ------------------------------------------------------------------------------------------------------ */

static void reply_copy(struct link_reply *to, const struct link_reply *from)
{
	*to = *from;
	char *bytes = from->bytes ? xmalloc(from->len + 1) : NULL;
	if (bytes) {
		memcpy(bytes, from->bytes, from->len);
		bytes[from->len] = '\0';
	}
	to->bytes = bytes;
	struct link_reply *items = from->count > 0 ? xcalloc(from->count, sizeof *items) : NULL;
	for (size_t i = 0; i < from->count; i++)
		reply_copy(&items[i], &from->item[i]);
	to->item = items;
}

/* The link limits how deep lists are. */
static void reply_clear(const struct link_reply *reply)
{
	for (size_t i = 0; i < reply->count; i++)
		reply_clear(&reply->item[i]);
	free((void *)reply->item);
	free((void *)reply->bytes);
}

void fleet_call_free(struct link_reply **reply)
{
	if (!*reply)
		return;
	reply_clear(*reply);
	free(*reply);
	*reply = NULL;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void call_drop(struct call *call)
{
	lock_take(&call->lock);
	bool last = --call->references == 0;
	lock_drop(&call->lock);
	if (!last)
		return;
	fleet_call_free(&call->reply);
	for (size_t i = 0; i < call->count; i++)
		free(call->word[i]);
	free(call->word);
	free(call->len);
	cond_destroy(&call->cond);
	lock_destroy(&call->lock);
	free(call);
}

static void call_answer(void *arg, const struct link_reply *reply)
{
	struct call *call = arg;
	struct link_reply *copy = xcalloc(1, sizeof *copy);
	reply_copy(copy, reply);
	lock_take(&call->lock);
	call->reply = copy;
	cond_wake_all(&call->cond);
	lock_drop(&call->lock);
	call_drop(call);
}

static void call_run(struct loop_task *task)
{
	struct call *call = (struct call *)task;
	link_command(call->link, call->deadline_ms, call_answer, call, call->count, (const char *const *)call->word,
		call->len);
}

static struct call *call_new(
	struct link *link, int64_t deadline_ms, size_t count, const char *const *word, const size_t *len)
{
	struct call *call = xcalloc(1, sizeof *call);
	*call = (struct call){.task = {.run = call_run}, .link = link, .deadline_ms = deadline_ms, .count = count};
	call->word = xcalloc(count, sizeof *call->word);
	call->len = xcalloc(count, sizeof *call->len);
	for (size_t i = 0; i < count; i++) {
		call->len[i] = len ? len[i] : strlen(word[i]);
		call->word[i] = xmalloc(call->len[i] + 1);
		memcpy(call->word[i], word[i], call->len[i]);
		call->word[i][call->len[i]] = '\0';
	}
	call->references = 2;
	lock_init(&call->lock);
	cond_init(&call->cond);
	return call;
}

struct link_reply *fleet_call(struct loop *loop, struct link *link, int64_t deadline_ms, size_t count,
	const char *const *word, const size_t *len)
{
	struct call *call = call_new(link, deadline_ms, count, word, len);
	int64_t until_ms = clock_mono_ms() + deadline_ms + GRACE_MS;
	loop_post(loop, &call->task);
	lock_take(&call->lock);
	while (!call->reply && cond_wait_until(&call->cond, &call->lock, until_ms))
		;
	struct link_reply *reply = call->reply;
	call->reply = NULL;
	lock_drop(&call->lock);
	call_drop(call);
	if (!reply)
		reply = xcalloc(1, sizeof *reply); /* LINK_NONE */
	return reply;
}
