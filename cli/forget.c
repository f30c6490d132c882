/* forget: removes domains from the store. */
#include "author.h"
#include "commands.h"
#include "domains.h"
#include "next_hop.h"
#include "output.h"
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int forget_run(const struct options *options, size_t count, char **words)
{
	int status = EX_USAGE;
	struct store *store = NULL;
	struct author author;
	if (domain_words(words, count) && author_and_node(&author, options, &status))
		store = session_store(options, &status);
	if (!store)
		return status;
	json_t *array = json_made(json_array());
	status = STATUS_YES;
	for (size_t i = 0; i < count; i++) {
		struct question question;
		struct failure why = {0};
		bool found = false;
		next_hop_question(&question, words[i], strlen(words[i]), PURPOSE_QUERY);
		if (!store_forget(store, question.domain, &author.by, &found, &why)) {
			status = status_worse(status, complain(&why));
			continue;
		}
		status = status_worse(status, found ? STATUS_YES : STATUS_NO);
		if (options->json) {
			json_t *object = json_made(json_object());
			json_put(object, "domain", json_text(question.domain));
			json_put(object, "found", json_boolean(found));
			json_add(array, object);
		} else {
			printf("%s: %s\n", question.domain, found ? "forgotten" : "not in the store");
		}
	}
	json_print_list("domains", array, options->json);
	store_close(&store);
	return status;
}
