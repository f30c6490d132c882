#include "domains.h"
#include "next_hop.h"

#include "output.h"

#include <stdio.h>
#include <string.h>

bool domain_word(struct question *out, const char *word, enum purpose purpose)
{
	struct quote quote;
	next_hop_question(out, word, strlen(word), purpose);
	if (!out->has_domain)
		fprintf(stderr, "stsgate: %s is not a domain that can have a policy\n", quote_string(&quote, word));
	return out->has_domain;
}

bool domain_words(char **words, size_t count)
{
	struct question question;
	for (size_t i = 0; i < count; i++)
		if (!domain_word(&question, words[i], PURPOSE_QUERY))
			return false;
	return true;
}

enum store_found domain_stored(struct store *store, const char *domain)
{
	struct entry entry;
	struct store_view *view = store_view_begin(store, NULL);
	enum store_found found = view ? store_view_entry(view, domain, &entry) : STORE_FAILED;
	if (found == STORE_FOUND)
		entry_free(&entry);
	store_view_end(&view);
	return found;
}
