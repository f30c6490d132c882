#include "tls_required.h"

#include "ascii.h"

#include <string.h>

static bool same_word(struct span text, const char *word)
{
	return text.len == strlen(word) && ascii_same(text.at, word, text.len);
}

bool mail_parameter_requiretls(struct span parameter)
{
	return same_word(parameter, "REQUIRETLS");
}

/* --- the header field --------------------------------------------------------------------------------------------- */

/* Returns where the comment ends that begins at `at`, or `text.len + 1` if it has no end. */
static size_t comment_end(struct span text, size_t at)
{
	size_t depth = 0;
	for (; at < text.len; at++) {
		char c = text.at[at];
		if (c == '\\')
			at++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return at + 1;
	}
	return text.len + 1;
}

/* Skips blanks, line breaks and comments. Returns a position after the text's end if a comment has no end. */
static size_t skip_comments(struct span text, size_t at)
{
	while (at < text.len) {
		char c = text.at[at];
		if (c == '(')
			at = comment_end(text, at);
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			at++;
		else
			break;
	}
	return at;
}

bool tls_required_is_no(struct span value)
{
	size_t word = skip_comments(value, 0);
	return word + 2 <= value.len && same_word((struct span){value.at + word, 2}, "No") &&
	       skip_comments(value, word + 2) == value.len;
}

/* --- senders ------------------------------------------------------------------------------------------------------ */

static struct span without_brackets(struct span address)
{
	if (address.len >= 2 && address.at[0] == '<' && address.at[address.len - 1] == '>')
		return (struct span){address.at + 1, address.len - 2};
	return address;
}

static bool ends_alike(struct span text, struct span end)
{
	return text.len >= end.len && ascii_same(text.at + text.len - end.len, end.at, end.len);
}

bool tls_required_sender(struct span item, struct span sender, bool from_here)
{
	struct span address = without_brackets(sender);
	if (item.len == 2 && memcmp(item.at, "<>", 2) == 0)
		return address.len == 0 && from_here;
	bool domain = item.len > 0 && item.at[0] == '@';
	return item.len > 0 && (domain || address.len == item.len) && ends_alike(address, item);
}
