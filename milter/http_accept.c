#include "http_accept.h"

#include "ascii.h"

#define BLANKS " \t\r"
#define WEIGHT_MAX 1000 /* weights are in thousandths */

/* The greatest weight that the request gives to each format; 0: it does not name the format. */
struct weights {
	int openmetrics, plain;
};

/* Returns the octets before the next separator, without blanks at both ends, and removes them from `rest`. */
static struct span part_take(struct span *rest, char separator)
{
	const char *end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
	struct span part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
	size_t used = end ? part.len + 1 : part.len;
	*rest = (struct span){rest->at + used, rest->len - used};
	return span_trim(part, BLANKS);
}

static bool is_word(struct span span, const char *word)
{
	return span.len == strlen(word) && ascii_same(span.at, word, span.len);
}

/* Reads a weight such as 0.5 (RFC 9110 12.4.2). Returns 0 for anything else. */
static int weight_read(struct span value)
{
	int weight = 0, unit = WEIGHT_MAX;
	if (value.len == 0 || value.len > 5 || (value.len > 1 && value.at[1] != '.'))
		return 0;
	for (size_t i = 0; i < value.len; i += i == 0 ? 2 : 1, unit /= 10) {
		if (!ascii_is_digit(value.at[i]))
			return 0;
		weight += (value.at[i] - '0') * unit;
	}
	return weight <= WEIGHT_MAX ? weight : 0;
}

/* Takes one element of the list: a media type with parameters. */
static void element_take(struct weights *weights, struct span element)
{
	struct span type = part_take(&element, ';');
	bool openmetrics = is_word(type, "application/openmetrics-text"), plain = is_word(type, "text/plain");
	int weight = WEIGHT_MAX;
	while (element.len > 0) {
		struct span value = part_take(&element, ';'), name = part_take(&value, '=');
		if (is_word(name, "q"))
			weight = weight_read(span_trim(value, BLANKS));
		else if (openmetrics && is_word(name, "version") && !is_word(span_trim(value, BLANKS), "1.0.0"))
			openmetrics = false;
	}
	if (openmetrics && weight > weights->openmetrics)
		weights->openmetrics = weight;
	if (plain && weight > weights->plain)
		weights->plain = weight;
}

bool http_accepts_openmetrics(struct span head)
{
	struct weights weights = {0, 0};
	part_take(&head, '\n'); /* the request line */
	while (head.len > 0) {
		bool folded = ascii_is_blank(head.at[0]); /* the rest of an earlier field (RFC 9112 5.2) */
		struct span value = part_take(&head, '\n');
		if (folded || !is_word(part_take(&value, ':'), "accept"))
			continue;
		while (value.len > 0)
			element_take(&weights, part_take(&value, ','));
	}
	return weights.openmetrics > 0 && weights.openmetrics >= weights.plain;
}
