#include "sessions.h"

#include "lock.h"
#include "tlsrpt_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 256
#define SEEN_SIZE 8192

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct {
	char word[SCENE_LINE_MAX]; /* as in `expect sessions` */
	char *datagram;
} sessions[SESSIONS_MAX];
static size_t count;

static const char *type_word(enum tlsrpt_type type)
{
	return type == TLSRPT_STS ? "sts" : type == TLSRPT_TLSA ? "tlsa" : "none";
}

static void hear(void *arg, const struct tlsrpt_session *session)
{
	const struct tlsrpt_policy *policy = &session->policy[0];
	size_t len;
	(void)arg;
	lock_take(&lock);
	if (count == SESSIONS_MAX || session->count != 1)
		abort();
	snprintf(sessions[count].word, sizeof sessions[count].word, "%s:%s:%s%s%s", session->domain,
		type_word(policy->type), policy->failed ? "failed" : "ok", policy->failures > 0 ? ":" : "",
		policy->failures > 0 ? tlsrpt_result_name(policy->failure[0].result) : "");
	sessions[count].datagram = tlsrpt_session_write(session, &len);
	if (!sessions[count++].datagram)
		abort();
	lock_drop(&lock);
}

void sessions_listen(struct scene *scene)
{
	if (scene->config->settings->tlsrpt != TLSRPT_OFF)
		check_on_session(scene->check, hear, NULL);
}

void sessions_forget(void)
{
	lock_take(&lock);
	while (count > 0)
		free(sessions[--count].datagram);
	lock_drop(&lock);
}

static int word_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void words_list(char out[SEEN_SIZE], char **word, size_t words)
{
	size_t len = 0;
	qsort(word, words, sizeof *word, word_compare);
	out[0] = '\0';
	for (size_t i = 0; i < words && len < SEEN_SIZE; i++)
		len += (size_t)snprintf(out + len, SEEN_SIZE - len, "%s%s", i > 0 ? " " : "", word[i]);
}

bool expect_sessions(struct scene *scene, const struct words *words)
{
	static char expected[SEEN_SIZE], seen[SEEN_SIZE];
	char *word[SESSIONS_MAX];
	struct words sorted = *words;
	lock_take(&lock);
	for (size_t i = 0; i < count; i++)
		word[i] = sessions[i].word;
	words_list(seen, word, count);
	lock_drop(&lock);
	words_list(expected, sorted.word + 2, sorted.count - 2);
	return strcmp(expected, seen) == 0 || scene_wrong(scene, "sessions", expected, seen);
}

bool expect_session(struct scene *scene, const struct words *words)
{
	static char seen[SEEN_SIZE];
	size_t len = 0;
	bool found = false;
	if (words->count != 3)
		return scene_bad(scene, "expect", "session TEXT");
	seen[0] = '\0';
	lock_take(&lock);
	for (size_t i = 0; i < count; i++) {
		found = found || strstr(sessions[i].datagram, words->word[2]);
		if (len < sizeof seen)
			len += (size_t)snprintf(seen + len, sizeof seen - len, "%s\n", sessions[i].datagram);
	}
	lock_drop(&lock);
	return found || scene_wrong(scene, "session", words->word[2], seen);
}
