/* What a message asks about TLS. The input is a field value, a parameter of MAIL, and, as lines, an item of
 * tls_required_no_senders, a sender, and more text. Compares with readers that are written in another way. */
#include "fuzz.h"
#include "tls_required.h"

#include <string.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 8689 5, RFC 5322 3.2.2: one octet after the other. */
static bool says_no(struct span value)
{
	static const char word[] = "no";
	size_t read = 0, depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		bool apart = depth > 0 || is_space(c) || c == '(';
		if (apart && read == 1) /* nothing may stand inside the word */
			return false;
		if (!apart && (read == sizeof word - 1 || lower(c) != word[read++]))
			return false;
		if (quoted || (depth > 0 && c == '\\'))
			quoted = !quoted;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--; /* inside a comment: elsewhere it is no letter of the word */
	}
	return read == sizeof word - 1 && depth == 0;
}

static bool same(struct span a, const char *b)
{
	bool is = a.len == strlen(b);
	for (size_t i = 0; is && i < a.len; i++)
		is = lower(a.at[i]) == lower(b[i]);
	return is;
}

/* Returns whether the item means the sender: from the end to the beginning. */
static bool is_listed(struct span item, struct span sender, bool from_here)
{
	bool brackets = sender.len > 1 && *sender.at == '<' && sender.at[sender.len - 1] == '>';
	struct span address = brackets ? (struct span){sender.at + 1, sender.len - 2} : sender;
	if (same(item, "<>"))
		return from_here && address.len == 0;
	if (item.len == 0 || address.len < item.len)
		return false;
	for (size_t back = 1; back <= item.len; back++)
		if (lower(item.at[item.len - back]) != lower(address.at[address.len - back]))
			return false;
	return address.len == item.len || *item.at == '@';
}

static struct span join(char *out, const char *before, struct span middle, const char *after)
{
	size_t head = strlen(before), tail = strlen(after);
	memcpy(out, before, head);
	if (middle.len > 0)
		memcpy(out + head, middle.at, middle.len);
	memcpy(out + head + middle.len, after, tail);
	return (struct span){out, head + middle.len + tail};
}

/* Returns the bytes with the case of each letter changed. */
static struct span turned(char *out, struct span in)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.at[i];
		out[i] = c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : lower(c);
	}
	return (struct span){out, in.len};
}

static void value_try(struct span value, char *room)
{
	bool no = tls_required_is_no(value);
	FUZZ_MUST(no == says_no(value));
	FUZZ_MUST(tls_required_is_no(turned(room, value)) == no);
	/* What may stand around a value does not change it. */
	FUZZ_MUST(tls_required_is_no(join(room, "(a\\)(b)) \r\n\t", value, "")) == no);
	FUZZ_MUST(tls_required_is_no(join(room, " ", value, "\t(c \\( (d) \\\\)")) == no);
	/* Something else behind a valid value makes it invalid. */
	FUZZ_MUST(!(no && tls_required_is_no(join(room, "", value, ")"))));
	FUZZ_MUST(!(no && tls_required_is_no(join(room, "", value, "o"))));
	FUZZ_MUST(!(no && tls_required_is_no(join(room, "", value, " No"))));
	FUZZ_MUST(!(no && tls_required_is_no(join(room, "", value, "("))));
	FUZZ_MUST(!(no && tls_required_is_no(join(room, "N", value, ""))));
}

static void parameter_try(struct span parameter, char *room)
{
	bool is = mail_parameter_requiretls(parameter);
	FUZZ_MUST(is == same(parameter, "REQUIRETLS"));
	FUZZ_MUST(mail_parameter_requiretls(turned(room, parameter)) == is);
	FUZZ_MUST(!(is && mail_parameter_requiretls(join(room, "", parameter, "="))));
}

static void sender_try(struct span item, struct span sender, char *room)
{
	bool far = tls_required_sender(item, sender, false), near = tls_required_sender(item, sender, true);
	FUZZ_MUST(far == is_listed(item, sender, false) && near == is_listed(item, sender, true));
	/* From this machine there is only the null sender in addition. */
	FUZZ_MUST(near == far || (!far && same(item, "<>") && (sender.len == 0 || same(sender, "<>"))));
	FUZZ_MUST(tls_required_sender(item, turned(room, sender), true) == near);
	FUZZ_MUST(tls_required_sender(turned(room, item), sender, true) == near);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = {(const char *)data, size}, rest = all;
	char *room = malloc(size + 64);
	value_try(all, room);
	parameter_try(all, room);
	struct span item = span_until(&rest, '\n'), sender = span_until(&rest, '\n');
	sender_try(item, sender, room);
	value_try(item, room);
	parameter_try(sender, room);
	free(room);
	return 0;
}
