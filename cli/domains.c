#include "domains.h"

#include "address.h"
#include "next_hop.h"
#include "output.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool complain_of(const char *word, const char *what)
{
	struct quote quote;
	fprintf(stderr, "stsgate: %s %s\n", quote_string(&quote, word), what);
	return false;
}

bool domain_word(struct question *out, const char *word, enum purpose purpose)
{
	next_hop_question(out, word, strlen(word), purpose);
	if (!out->has_domain)
		return complain_of(word, "is not a domain that can have a policy");
	return !out->unreadable || complain_of(word, "has brackets or a port that cannot be read");
}

/* Returns whether an address has one `@` outside quotes, and not at its start. */
static bool is_address(const char *word)
{
	unsigned count = *word == '@' ? 2 : 0;
	bool quoted = false;
	for (; *word; word++) {
		if (*word == '\\' && word[1])
			word++;
		else if (*word == '"')
			quoted = !quoted;
		else if (*word == '@' && !quoted)
			count++;
	}
	return count == 1 && !quoted;
}

/* Returns whether a word names a host that cannot have a policy: an address literal, or a name with a single label. */
static bool is_plain_host(const char *word)
{
	struct domain name;
	struct address address;
	char literal[ADDRESS_TEXT_SIZE] = "";
	const char *at = strrchr(word, '@') ? strrchr(word, '@') + 1 : word;
	size_t len = *at == '[' ? strcspn(at + 1, "]") : 0;
	if (len == 0)
		return domain_parse(&name, at, strlen(at));
	at += strncasecmp(at + 1, "IPv6:", 5) == 0 ? 6 : 1;
	len = strcspn(at, "]");
	if (len < sizeof literal)
		memcpy(literal, at, len);
	return at[len] == ']' && address_parse(&address, literal);
}

bool hop_word(struct question *out, const char *word, enum purpose purpose)
{
	bool address = strchr(word, '@') != NULL;
	(address ? question_from_recipient : next_hop_question)(out, word, strlen(word), purpose);
	if (address && !is_address(word))
		return complain_of(word, "is not an address");
	if (out->has_domain && out->unreadable)
		return complain_of(word, "has brackets or a port that cannot be read");
	/* An eight-bit name that has no form for DNS is a question, too: mail to it is deferred. */
	return out->has_domain || out->unreadable || is_plain_host(word) || complain_of(word, "is not a domain");
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
