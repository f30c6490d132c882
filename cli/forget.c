/* forget: takes domains out of the store. */
#include "commands.h"
#include "domains.h"
#include "next_hop.h"
#include "output.h"
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int forget_one(struct store *store, const char *word, json_t *array)
{
	struct question question;
	struct failure why = {0};
	bool found = false;
	next_hop_question(&question, word, strlen(word), PURPOSE_QUERY);
	if (!store_forget(store, question.domain, &found, &why))
		return complain(&why);
	if (array) {
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(question.domain));
		json_put(object, "found", json_boolean(found));
		json_add(array, object);
	} else {
		printf("%s: %s\n", question.domain, found ? "forgotten" : "not in the store");
	}
	return found ? STATUS_YES : STATUS_NO;
}

static int forget_all(struct store *store, bool json, size_t count, char **words)
{
	int status = STATUS_YES;
	json_t *array = json ? json_made(json_array()) : NULL;
	for (size_t i = 0; i < count; i++) {
		int got = forget_one(store, words[i], array);
		status = got > status ? got : status;
	}
	if (json) {
		json_t *object = json_made(json_object());
		json_put(object, "domains", array);
		json_print(object);
	}
	return status;
}

int forget_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct settings *settings = domain_words(words, count) ? session_settings(options, &status) : NULL;
	struct store *store = settings ? session_store(settings, &status) : NULL;
	if (store)
		status = forget_all(store, options->json, count, words);
	store_close(&store);
	settings_free(&settings);
	return status;
}
