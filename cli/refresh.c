/* refresh: everything about stored domains is looked up anew, in this process; what is found goes to the store. */
#include "clock.h"
#include "commands.h"
#include "describe.h"
#include "domains.h"
#include "kit.h"
#include "next_hop.h"
#include "story.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static enum store_found domain_find(struct store *store, const char *domain)
{
	struct entry entry;
	struct store_view *view = store_view_begin(store, NULL);
	enum store_found found = view ? store_view_entry(view, domain, &entry) : STORE_FAILED;
	if (found == STORE_FOUND)
		entry_free(&entry);
	store_view_end(&view);
	return found;
}

/* Done when the newest looks gave answers, of whatever kind. */
static int facts_status(const struct facts *facts)
{
	enum reason record = facts->entry.record_outcome;
	if (!facts->record_tried || record == REASON_RECORD_LOOKUP || record == REASON_RESOLVER)
		return STATUS_UNSURE;
	return facts->policy_tried && facts->entry.fetch_outcome != REASON_OK ? STATUS_UNSURE : STATUS_YES;
}

static void outcome_tell(const struct story *story)
{
	const struct facts *facts = &story->facts;
	putchar('\n');
	tell("domain", "%s", facts->question.domain);
	tell_record(&facts->entry);
	tell_fetch(&facts->entry, facts->policy_detail);
	tell_policy(&facts->entry, facts->now);
	if (!story->ended)
		tell("note", "not everything was looked up in time");
	putchar('\n');
}

static json_t *outcome_object(const struct story *story)
{
	const struct facts *facts = &story->facts;
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(facts->question.domain));
	json_put(object, "found", json_true());
	json_put(object, "finished", json_boolean(story->ended));
	json_put(object, "steps", json_copy(story->steps));
	static const char *const names[] = {"record", "fetch", "policy", NULL};
	described_put(object, describe_entry(&facts->entry, facts->policy_detail), names);
	return object;
}

static int absent_tell(const char *domain, json_t *array)
{
	if (array) {
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(domain));
		json_put(object, "found", json_false());
		json_add(array, object);
	} else {
		printf("%s: not in the store; `stsgate query %s` looks it up\n", domain, domain);
	}
	return STATUS_NO;
}

static int refresh_one(struct kit *kit, struct story *story, const char *word, json_t *array)
{
	struct question question;
	next_hop_question(&question, word, strlen(word), PURPOSE_REFRESH);
	enum store_found found = domain_find(kit->store, question.domain);
	if (found == STORE_ABSENT)
		return absent_tell(question.domain, array);
	story_open(story, &question, &kit->config->rules);
	bool begun = found == STORE_FOUND && check_refresh(kit->check, question.domain, true) != CHECK_REFRESH_NO_ROOM;
	bool ended = begun && story_await(story, kit_case_ms(kit->config->settings));
	story_close(story);
	if (!begun)
		fprintf(stderr, "stsgate: %s: the refresh could not be begun\n", question.domain);
	else if (array)
		json_add(array, outcome_object(story));
	else
		outcome_tell(story);
	return ended ? facts_status(&story->facts) : STATUS_UNSURE;
}

static int refresh_all(struct kit *kit, struct story *story, size_t count, char **words)
{
	int status = STATUS_YES;
	json_t *array = story->json ? json_made(json_array()) : NULL;
	for (size_t i = 0; i < count; i++) {
		int got = refresh_one(kit, story, words[i], array);
		status = got > status ? got : status;
	}
	if (array) {
		json_t *object = json_made(json_object());
		json_put(object, "domains", array);
		json_print(object);
	}
	return status;
}

int refresh_run(const struct options *options, size_t count, char **words)
{
	struct kit kit;
	struct story story;
	if (!domain_words(words, count))
		return EX_USAGE;
	story_init(&story, options->json);
	int status = kit_open(&kit, options, KIT_STORE, story_observe, &story);
	if (status == 0) {
		status = refresh_all(&kit, &story, count, words);
		kit_close(&kit);
	}
	story_free(&story);
	return status;
}
